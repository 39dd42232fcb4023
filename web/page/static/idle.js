// Warns a minute before a session ends for want of anything done, and leaves the page
// when it has ended, so that nothing stays on an abandoned screen. The service says how
// long is left, never until when: the clock of the desk may be wrong.
(() => {
  // htmx notes the page's address for a history that these pages do not use; a desk is
  // shared, so nothing of a visit stays in the browser.
  sessionStorage.clear();
  const refusal = document.getElementById("refusal");
  if (refusal) refusal.focus();
  // What looks like a button answers to the space bar like one.
  document.addEventListener("keydown", (event) => {
    const link = event.key === " " && !event.repeat && event.target.closest("a[role=button]");
    if (!link) return;
    event.preventDefault();
    link.click();
  });
  const box = document.querySelector("[data-session-left]");
  if (!box) return;
  const shown = box.querySelector("[data-left]");
  const form = box.querySelector("[data-stay]");
  let left, date, tick;
  const lasts = (seconds) => ([left, date, tick] = [Number(seconds), Date.now(), performance.now()]);
  const heard = (header) => header !== null && header !== "" && lasts(header);
  lasts(box.dataset.sessionLeft);
  // The one clock stops while the machine sleeps, the other can be set back.
  const remains = () => left - Math.max(Date.now() - date, performance.now() - tick) / 1000;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      const answer = await fetch(form.action, { method: "POST", headers: { Accept: "application/json" } });
      if (!answer.ok) return location.reload();
      heard(answer.headers.get("Sceau-Session-Left"));
      box.hidden = true;
    } catch {
      // No network: the warning stays, and so does the button.
    }
  });
  document.body.addEventListener("htmx:afterRequest", (event) => heard(event.detail.xhr && event.detail.xhr.getResponseHeader("Sceau-Session-Left")));
  // What a page sends because something changed is nobody's doing.
  document.body.addEventListener("htmx:configRequest", (event) => {
    const cause = event.detail.triggeringEvent;
    if (cause && cause.type.startsWith("sceau:")) event.detail.headers["Sceau-Background"] = "1";
  });
  // Somebody may be at work in another window of the same session.
  let asking = false;
  const ends = async () => {
    if (asking) return;
    asking = true;
    try {
      const answer = await fetch("/signin/left", { headers: { "Sceau-Background": "1" } });
      const more = answer.ok && answer.headers.get("Sceau-Session-Left");
      if (more && Number(more) > 0) return heard(more);
    } catch {
      // Nobody answers: better nothing on the screen than what should not be there.
    } finally {
      asking = false;
    }
    document.body.replaceChildren();
    location.replace("/signin");
  };
  setInterval(() => {
    const seconds = Math.ceil(remains());
    if (seconds <= -1) ends();
    else if (seconds <= 60) {
      shown.textContent = Math.max(seconds, 0) + " s";
      if (box.hidden) {
        box.hidden = false;
        form.querySelector("button").focus();
      }
    } else box.hidden = true;
  }, 1000);
})();
