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
  const flash = () => {
    clearInterval(flashing);
    if (document.hasFocus()) return say();
    const news = "● " + queue().dataset.news;
    document.title = news;
    if (!still) flashing = setInterval(() => (document.title === news ? say() : (document.title = news)), 1000);
  };
  const look = () => {
    const now = ids();
    const fresh = now.some((id) => !known.has(id));
    known = new Set(now);
    if (fresh) {
      ring();
      flash();
    } else if (!flashing) say();
  };
  addEventListener("focus", () => {
    clearInterval(flashing);
    flashing = 0;
    say();
  });
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
