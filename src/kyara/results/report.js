(() => {
  const form = document.getElementById("filter");
  const field = form.querySelector("input");
  const count = form.querySelector("output");
  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  field.addEventListener("input", () => {
    const wanted = field.value.trim().toLocaleLowerCase();
    let shown = 0;
    for (const section of document.querySelectorAll("section[data-group]")) {
      let here = 0;
      for (const card of section.querySelectorAll(".card")) {
        card.hidden = !card.textContent.toLocaleLowerCase().includes(wanted)
          && !section.dataset.group.toLocaleLowerCase().includes(wanted);
        here += card.hidden ? 0 : 1;
      }
      section.hidden = here === 0;
      shown += here;
    }
    count.textContent = wanted ? `${shown} shown` : "";
  });
})();
