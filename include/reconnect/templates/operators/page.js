// Fits the page to the Airflow page it is framed in, and leads out of the frame: its sandbox blocks links to elsewhere.
(() => {
  let outer = null;
  try {
    if (parent !== window) outer = parent.document;
  } catch {
    outer = null;
  }
  const root = document.documentElement;
  const fit = () => {
    const language = (outer.documentElement.lang || "en").startsWith("de") ? "de" : "en";
    root.dataset.theme = outer.documentElement.classList.contains("dark") ? "dark" : "light";
    if (root.lang !== language) {
      const here = new URL(location.href);
      here.searchParams.set("lang", language);
      location.replace(here);
    }
  };
  if (outer) {
    fit();
    // Airflow may know its language and colours later than this page is there, and people change them.
    new MutationObserver(fit).observe(outer.documentElement, { attributes: true, attributeFilter: ["lang", "class"] });
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
