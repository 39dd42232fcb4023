// Calls whoever decides: a sound, once they have switched it on, and the title, until
// they look. What is new is told by the ids that the queue shows.
(() => {
  const queue = () => document.querySelector("[data-queue]");
  if (!queue()) return;
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const button = document.querySelector("[data-sound]");
  const title = document.title.replace(/^\(\d+\) /, "");
  const ids = () => queue().dataset.queue.split(" ").filter(Boolean);
  let known = new Set(ids());
  let audio = null;
  let flashing = 0;
  let news = false; // not seen yet
  const said = document.getElementById("said");

  const ring = () => {
    if (!audio) return;
    [0, 0.25].forEach((after, i) => {
      const tone = audio.createOscillator();
      const level = audio.createGain();
      const at = audio.currentTime + after;
      tone.frequency.value = i ? 660 : 880;
      level.gain.setValueAtTime(0.0001, at);
      level.gain.exponentialRampToValueAtTime(0.25, at + 0.02);
      level.gain.exponentialRampToValueAtTime(0.0001, at + 0.22);
      tone.connect(level).connect(audio.destination);
      tone.start(at);
      tone.stop(at + 0.25);
    });
  };
  const say = () => {
    const n = ids().length;
    document.title = (n ? "(" + n + ") " : "") + title;
  };
  const calm = () => {
    clearInterval(flashing);
    flashing = 0;
    news = false;
    say();
  };
  const flash = () => {
    calm();
    if (document.hasFocus()) return;
    news = true;
    const told = "● " + queue().dataset.news;
    document.title = told;
    if (!still) flashing = setInterval(() => (document.title === told ? say() : (document.title = told)), 1000);
  };
  const look = () => {
    const now = ids();
    const fresh = now.some((id) => !known.has(id));
    // One sentence is read aloud, when what waits has changed; the queue itself is silent.
    if (said && (fresh || now.length !== known.size)) {
      const count = queue().querySelector("[data-count]").textContent.trim().replace(/\s+/g, " ");
      said.textContent = fresh ? queue().dataset.news + ". " + count : count;
    }
    known = new Set(now);
    if (fresh) {
      ring();
      flash();
    } else if (!news) say();
  };
  addEventListener("focus", calm);
  if (button) {
    button.hidden = false;
    button.addEventListener("click", () => {
      if (audio) {
        audio.close();
        audio = null;
      } else {
        audio = new AudioContext();
        ring();
      }
      button.setAttribute("aria-pressed", String(!!audio));
      button.textContent = audio ? button.dataset.on : button.dataset.off;
    });
  }
  document.body.addEventListener("htmx:afterSettle", look);
  // What has waited for long rings again.
  setInterval(() => queue() && queue().querySelector(".age-late") && ring(), 60000);
  say();
})();
