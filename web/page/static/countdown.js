// Keeps what is left of a moment true. The clock of the machine may be wrong: the page
// says what time it was when it was made.
(() => {
  const shifts = new WeakMap();
  const two = (n) => String(n).padStart(2, "0");
  const say = (s) => (s >= 3600 ? Math.floor(s / 3600) + " h " + two(Math.floor((s % 3600) / 60)) : Math.floor(s / 60) + ":" + two(s % 60));
  const tick = () => {
    for (const item of document.querySelectorAll("[data-until]")) {
      if (!shifts.has(item)) shifts.set(item, Date.parse(item.dataset.now) - Date.now() || 0);
      const left = Math.ceil((Date.parse(item.dataset.until) - Date.now() - shifts.get(item)) / 1000);
      const text = left > 0 ? say(left) : item.dataset.over;
      if (item.textContent !== text) item.textContent = text;
      item.classList.toggle("soon", left > 0 && left <= 60);
      if (left <= 0 && !item.dataset.done) {
        item.dataset.done = "1";
        item.dispatchEvent(new CustomEvent("sceau:over", { bubbles: true }));
      }
    }
  };
  tick();
  setInterval(tick, 1000);
  document.body.addEventListener("htmx:afterSwap", tick);
})();
