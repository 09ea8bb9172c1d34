// Fits the page to the Airflow page it is framed in, and leads out of the frame: its sandbox blocks links to elsewhere.
(() => {
  let outer = null;
  try {
    if (parent !== window) outer = parent.document;
  } catch {
    outer = null;
  }
  const root = document.documentElement;
  if (outer) {
    const language = (outer.documentElement.lang || "en").startsWith("de") ? "de" : "en";
    if (root.lang !== language) {
      const here = new URL(location.href);
      here.searchParams.set("lang", language);
      location.replace(here);
      return;
    }
    root.dataset.theme = outer.documentElement.classList.contains("dark") ? "dark" : "light";
    for (const link of document.querySelectorAll("a.go")) {
      link.addEventListener("click", (event) => {
        event.preventDefault();
        parent.open(link.href, "_blank", "noopener");
      });
    }
  }
  const copy = document.querySelector("#copy");
  if (copy) {
    copy.addEventListener("click", () => {
      document.querySelector("#link").select();
      document.execCommand("copy");
      copy.textContent = copy.dataset.done;
    });
  }
})();
