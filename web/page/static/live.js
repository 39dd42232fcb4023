// Listens to the stream that the page names and tells the page that it is old.
// What changed is never in the event: the page asks for it.
(() => {
  const address = document.body.dataset.events;
  if (!address) return;
  let wait = 500;
  let source;
  const listen = () => {
    source = new EventSource(address);
    source.onopen = () => {
      wait = 500;
      tell({});
      document.body.dispatchEvent(new CustomEvent("sceau:up"));
    };
    for (const name of ["conversation", "news", "live"]) {
      source.addEventListener(name, (event) => tell({ name, data: event.data }));
    }
    source.onerror = () => {
      document.body.dispatchEvent(new CustomEvent("sceau:down"));
      // A stream that ends after its time is opened again by the browser; one that
      // was refused is not, and is tried again ever more slowly.
      if (source.readyState !== EventSource.CLOSED) return;
      setTimeout(listen, wait + Math.random() * wait);
      wait = Math.min(wait * 2, 30000);
    };
  };
  const tell = (detail) => {
    document.body.dispatchEvent(new CustomEvent("sceau:" + (detail.name || "news"), { detail }));
    if (detail.name === "conversation") document.body.dispatchEvent(new CustomEvent("sceau:news", { detail }));
  };
  addEventListener("pagehide", () => source && source.close());
  addEventListener("pageshow", (event) => event.persisted && location.reload());
  listen();
})();
