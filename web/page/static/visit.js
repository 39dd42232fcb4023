// Makes a whole visit one entry of the tab's history, and leaves it quickly.
// Without this script all pages work, and each is an entry of its own.
(() => {
  const leaving = document.querySelector("form.leave");
  const offline = document.getElementById("offline");

  // All tabs of the visit leave together: nobody who must leave can look for the others.
  const tabs = window.BroadcastChannel && new BroadcastChannel("leave");

  // What is on the screen goes first; then the token, which only the service can end;
  // then the page itself, in whose place in the history the other address stands.
  const leave = (told) => {
    if (tabs && !told) tabs.postMessage("");
    const exit = leaving.dataset.exit;
    dispatchEvent(new Event("sceau:leave"));
    document.documentElement.style.background = "#fff";
    document.body.remove();
    // A beacon outlives the page in every browser; a fetch that is kept alive, in newer ones.
    if (!told && !(navigator.sendBeacon && navigator.sendBeacon("/leave"))) {
      fetch("/leave", { method: "POST", keepalive: true, credentials: "same-origin" }).catch(() => {});
    }
    location.replace(exit);
  };
  if (tabs) tabs.onmessage = () => leave(true);
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.isComposing) {
      event.preventDefault();
      leave();
    }
  }, true);

  const go = (address) => location.replace(address);
  const ours = (url) => url.origin === location.origin;

  // Shows an answer in place of the page: a form that was refused, a phrase told once.
  const show = (text) => {
    const next = new DOMParser().parseFromString(text, "text/html");
    const main = next.getElementById("main");
    if (!main) return false;
    document.getElementById("main").replaceWith(main);
    scrollTo(0, 0);
    const refusal = main.querySelector("[role=alert]");
    if (refusal) refusal.tabIndex = -1;
    (refusal || main).focus({ preventScroll: !refusal });
    return true;
  };

  addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest("a[href]");
    if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const url = new URL(link.href);
    if (!ours(url) || !url.protocol.startsWith("http") || link.hasAttribute("download")) return;
    event.preventDefault();
    if (url.hash && url.pathname === location.pathname && url.search === location.search) {
      const there = document.getElementById(url.hash.slice(1));
      if (!there) return;
      there.scrollIntoView();
      if (!there.hasAttribute("tabindex")) there.tabIndex = -1;
      there.focus({ preventScroll: true });
      return;
    }
    go(url.href);
  });

  // Which button sent a form, where the browser does not say (Safari before 15.4).
  let pressed;
  addEventListener("click", (event) => { pressed = event.target.closest && event.target.closest("button"); }, true);

  // What looks like a button answers to the space bar like one.
  addEventListener("keydown", (event) => {
    const link = event.key === " " && !event.repeat && event.target.closest && event.target.closest("a[role=button]");
    if (!link) return;
    event.preventDefault();
    link.click();
  });

  addEventListener("submit", async (event) => {
    const form = event.target;
    if (event.defaultPrevented) return;
    event.preventDefault();
    if (form === leaving) return leave();
    const button = event.submitter || (pressed && pressed.form === form ? pressed : null);
    const data = new URLSearchParams(new FormData(form));
    if (button && button.name) data.append(button.name, button.value);
    if (form.method === "get") return go(form.action + "?" + data);
    if (form.dataset.busy) return;
    form.dataset.busy = "yes";
    if (button) button.setAttribute("aria-busy", "true");
    // A request without an answer is given up; the form stands, and is the same act when sent again.
    const end = new AbortController();
    const timer = setTimeout(() => end.abort(), 20000);
    try {
      const answer = await fetch(form.action, { method: "POST", body: data, credentials: "same-origin", signal: end.signal });
      offline.hidden = true;
      if (answer.redirected) return go(answer.url);
      if (show(await answer.text())) return;
      go(form.action);
    } catch {
      offline.hidden = false;
    } finally {
      clearTimeout(timer);
      delete form.dataset.busy;
      if (button) button.removeAttribute("aria-busy");
    }
  });
})();
