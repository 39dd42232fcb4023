// Warns a minute before a session ends for want of anything done, and leaves the page
// when it has ended, so that nothing stays on an abandoned screen.
(() => {
  // htmx notes the page's address for a history that these pages do not use; a desk is
  // shared, so nothing of a visit stays in the browser.
  sessionStorage.clear();
  const box = document.querySelector("[data-idle-at]");
  if (!box) return;
  const began = Date.now();
  let idleAt = Date.parse(box.dataset.idleAt);
  const endsAt = Date.parse(box.dataset.endsAt);
  const left = box.querySelector("[data-idle-left]");
  const form = box.querySelector("[data-idle-stay]");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const answer = await fetch(form.action, { method: "POST", headers: { Accept: "application/json" } });
    if (!answer.ok) return location.reload();
    idleAt = Date.parse((await answer.json()).idle_at);
    box.hidden = true;
  });
  // What a person does beside navigating moves the end too: the page says so.
  document.body.addEventListener("sceau:stayed", (event) => (idleAt = Date.parse(event.detail)));
  document.body.addEventListener("htmx:afterRequest", (event) => {
    const at = event.detail.xhr && event.detail.xhr.getResponseHeader("Sceau-Idle-At");
    if (at) idleAt = Date.parse(at);
  });
  setInterval(() => {
    const end = Math.min(idleAt, endsAt);
    const seconds = Math.ceil((end - Date.now()) / 1000);
    if (seconds <= -1) {
      document.body.replaceChildren();
      location.replace("/signin");
    } else if (seconds <= 60) {
      left.textContent = Math.max(seconds, 0) + " s";
      if (box.hidden) {
        box.hidden = false;
        form.querySelector("button").focus();
      }
    } else box.hidden = true;
  }, 1000);
})();
