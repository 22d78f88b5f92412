from repro.data.words import Vocabulary, tokenise


def test_a_text_is_lower_case_words_and_marks():
    said = "It's a \"test\", <br />isn't it?  (Yes!) Oil;gas: $1.35"
    words = "it ' s a test , isn ' t it ? ( yes ! ) oil gas $1 . 35"
    assert tokenise(said) == words.split()


def test_an_empty_text_has_no_words():
    assert tokenise(" \n ") == []


def test_words_are_numbered_by_count_then_spelling_and_zero_is_unknown():
    # b stands three times, a and c twice, d once: so b, a, c, d follow the unknown word.
    known = Vocabulary.of([["c", "b", "a"], ["b", "a", "c", "b", "d"]])
    assert [known[word] for word in ("b", "a", "c", "d", "e")] == [1, 2, 3, 4, 0]
    assert len(known) == 5


def test_a_word_spelt_like_the_unknown_one_is_the_unknown_one():
    known = Vocabulary.of([["<unk>", "a"]])
    assert (known["<unk>"], known["a"], len(known)) == (0, 1, 2)
