// Filters of the claim atlas: a row is shown where it agrees with every choice.
document.addEventListener("DOMContentLoaded", () => {
  const form = document.querySelector(".atlas .filters");
  if (!form) return;
  const rows = [...document.querySelectorAll(".atlas .rows .claim")];
  const show = () => {
    const wanted = [...form.querySelectorAll("select")].filter((choice) => choice.value);
    rows.forEach((row) => { row.hidden = wanted.some((choice) => row.dataset[choice.name] !== choice.value); });
    const run = rows.filter((row) => !row.hidden && row.dataset.verdict !== "not run").length;
    form.querySelector("output").textContent = `${run} claims shown`;
  };
  form.addEventListener("change", show);
  form.hidden = false;
  show();
});
