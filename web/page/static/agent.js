// The desk of agents and psychologists. The stream says that something is new in a
// conversation, who types and who is there; the page asks for what it shows. An opened
// identity lives in this page's DOM only, until its window ends or the page is left.
(() => {
  const body = document.body;
  const panes = () => document.querySelectorAll("[data-pane]");
  const paneOf = (id) => document.querySelector(`[data-pane="${CSS.escape(id)}"]`);
  // A request without an answer, as when a network changes, is given up: nothing waits
  // for it for ever. AbortSignal.timeout is too new for some browsers.
  const limit = (ms = 20000) => {
    const end = new AbortController();
    setTimeout(() => end.abort(), ms);
    return end.signal;
  };
  const background = () => ({ headers: { "Sceau-Background": "1" }, credentials: "same-origin", signal: limit() });
  const post = (form, part) => fetch(form.action, {
    method: "POST", credentials: "same-origin", cache: "no-store", signal: limit(),
    headers: { "Sceau-Part": part }, body: new URLSearchParams(new FormData(form)),
  });
  const fresh = () => ([1e7] + -1e3 + -4e3 + -8e3 + -1e11).replace(/[018]/g, (c) =>
    (c ^ (crypto.getRandomValues(new Uint8Array(1))[0] & (15 >> (c / 4)))).toString(16));
  const parse = (text) => new DOMParser().parseFromString(text, "text/html");
  const signal = (name) => body.dispatchEvent(new CustomEvent(name));
  // Read aloud: one sentence, in a place that stays. What is renewed around it is silent.
  const said = (text) => { const at = document.getElementById("said"); if (at && at.textContent !== text) at.textContent = text; };

  // --- Messages ---------------------------------------------------------------
  const atEnd = (box) => box.scrollHeight - box.scrollTop - box.clientHeight < 120;
  const toEnd = (box) => { box.scrollTop = box.scrollHeight; };
  const busy = new WeakSet();
  const again = new WeakSet();
  const fetchNew = async (pane) => {
    if (busy.has(pane)) return again.add(pane);
    busy.add(pane);
    try {
      do {
        again.delete(pane);
        const pick = pane.dataset.pick ? "&pick=1" : "";
        const answer = await fetch(`${pane.dataset.base}/c/${pane.dataset.pane}/new?from=${pane.dataset.next}${pick}`, background());
        if (!answer.ok) return;
        const part = parse(await answer.text()).querySelector("[data-next]");
        if (!part) return;
        const box = pane.querySelector("[data-scroller]");
        const stay = !atEnd(box);
        const list = pane.querySelector("[data-messages]");
        const items = part.querySelector("template[data-list]").content;
        let theirs = 0;
        for (const item of [...items.children]) {
          if (document.getElementById(item.id)) continue;
          if (!item.classList.contains("mine")) theirs++;
          list.append(document.importNode(item, true));
        }
        pane.querySelector("[data-who]").replaceChildren(document.importNode(part.querySelector("template[data-names]").content, true));
        pane.dataset.next = part.dataset.next;
        if (part.dataset.state === "closed" && pane.dataset.state !== "closed") return location.reload();
        if (!stay) toEnd(box);
        if (theirs && document.hidden) flash(theirs);
        marks(pane);
      } while (again.has(pane));
    } catch { /* the stream, or its end, brings us back */ } finally { busy.delete(pane); }
  };
  const delivered = new Map();
  const marks = (pane) => {
    const to = delivered.get(pane.dataset.pane);
    if (to === undefined) return;
    for (const item of pane.querySelectorAll("li.mine")) {
      const mark = item.querySelector("[data-mark]");
      const text = Number(item.dataset.position) < to ? pane.dataset.delivered : pane.dataset.sent;
      if (mark && mark.textContent !== text) mark.textContent = text;
    }
  };

  const title = document.title;
  let unseen = 0;
  const flash = (n) => { unseen += n; document.title = `(${unseen}) ${title}`; };
  document.addEventListener("visibilitychange", () => { if (!document.hidden) { unseen = 0; document.title = title; } });

  // --- Who is there -------------------------------------------------------------
  const left = new Map();
  const ago = (pane, since) => {
    const minutes = Math.floor((Date.now() - since) / 60000);
    return `${pane.dataset.left} ${minutes < 1 ? pane.dataset.now : minutes < 60 ? minutes + " min" : Math.floor(minutes / 60) + " h"}`;
  };
  const showLeft = () => {
    for (const pane of panes()) {
      const at = pane.querySelector("[data-presence]");
      if (at && left.has(pane.dataset.pane)) at.textContent = ago(pane, left.get(pane.dataset.pane));
    }
  };
  setInterval(showLeft, 20000);
  body.addEventListener("sceau:live", (event) => {
    const sign = JSON.parse(event.detail.data);
    const pane = paneOf(sign.id);
    if (!pane) return;
    const at = pane.querySelector("[data-presence]");
    const here = sign.present.includes("minor");
    if (here || sign.left_at) {
      at.hidden = false;
      at.classList.toggle("here", here);
      if (here) { left.delete(sign.id); at.textContent = pane.dataset.online; } else { left.set(sign.id, Date.parse(sign.left_at)); showLeft(); }
    }
    const typing = pane.querySelector("[data-typing]");
    typing.textContent = sign.typing.includes("minor") ? pane.dataset.writes : sign.typing.length ? pane.dataset.staffWrites : "";
    if (sign.delivered) { delivered.set(sign.id, sign.delivered); marks(pane); }
  });

  // --- News ---------------------------------------------------------------------
  const counts = new Map(); // messages of a conversation when it was last on the screen
  const latest = new Map();
  const unread = () => {
    for (const link of document.querySelectorAll("[data-rail]")) {
      const id = link.dataset.rail;
      if (!counts.has(id) || paneOf(id)) counts.set(id, Number(link.dataset.messages));
      const now = Math.max(latest.get(id) || 0, Number(link.dataset.messages));
      if (paneOf(id)) counts.set(id, now);
      const n = now - counts.get(id);
      const at = link.querySelector("[data-unread]");
      at.hidden = n <= 0;
      at.textContent = n > 0 ? `+${n}` : "";
    }
  };
  body.addEventListener("sceau:conversation", (event) => {
    const news = JSON.parse(event.detail.data);
    latest.set(news.id, news.messages);
    const pane = paneOf(news.id);
    if (news.state === "over") {
      signal("sceau:rail");
      if (pane && pane.dataset.state !== "closed") location.reload();
      return;
    }
    if (pane && (Number(pane.dataset.next) < news.messages || pane.dataset.state !== news.state)) fetchNew(pane);
    unread();
  });
  body.addEventListener("sceau:news", (event) => {
    if (event.detail.name !== "news") return;
    const changed = JSON.parse(event.detail.data).changed;
    const any = (...topics) => topics.some((t) => changed.includes(t));
    if (any("conversations")) signal("sceau:rail");
    if (any("conversations", "consents", "opinions", "facets", "requests")) signal("sceau:about");
    if (any("requests", "tellings")) signal("sceau:escalation");
    if (any("consents", "opinions", "facets")) signal("sceau:preview");
    if (any("confirmations")) signal("sceau:confirmations");
    if (any("conversations")) for (const pane of panes()) fetchNew(pane);
  });
  const cut = document.getElementById("cut");
  let down;
  body.addEventListener("sceau:down", () => { clearTimeout(down); down = setTimeout(() => { if (cut) cut.hidden = false; }, 4000); });
  body.addEventListener("sceau:up", () => {
    clearTimeout(down);
    if (cut) cut.hidden = true;
    for (const pane of panes()) fetchNew(pane);
  });

  // What is being filled in is not replaced.
  body.addEventListener("htmx:beforeSwap", (event) => {
    const target = event.detail.target;
    if (!target.hasAttribute("data-keeps")) return;
    const dirty = [...target.querySelectorAll("textarea")].some((t) => t.value !== t.defaultValue);
    if (dirty || [...target.querySelectorAll("[type=radio]")].some((t) => t.checked !== t.defaultChecked)) event.detail.shouldSwap = false;
  });
  body.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target.id === "rail") {
      unread();
      // The list is asked for whatever the stream does: a stream that died without a word shows here.
      for (const link of document.querySelectorAll("[data-rail]")) {
        const pane = paneOf(link.dataset.rail);
        if (pane && Number(pane.dataset.next) < Number(link.dataset.messages)) fetchNew(pane);
      }
    }
    if (event.detail.target.id === "preview") said(event.detail.target.querySelector("strong")?.textContent || "");
    const state = document.getElementById("escalation-state");
    if (!state) return;
    if (shownState !== state.dataset.state) {
      shownState = state.dataset.state;
      said(state.querySelector(".tag").textContent);
      if (shownState !== "released") hide();
    }
  });
  let shownState = (document.getElementById("escalation-state") || { dataset: {} }).dataset.state;

  // --- Writing --------------------------------------------------------------------
  const send = async (form) => {
    const pane = form.closest("[data-pane]");
    const field = form.querySelector("[data-write]");
    const refused = pane.querySelector("[data-refused]");
    const button = form.querySelector(".write button");
    if (!field.value.trim() || button.getAttribute("aria-busy") === "true") return;
    button.setAttribute("aria-busy", "true");
    const sent = field.value;
    try {
      const answer = await post(form, "message");
      if (answer.status === 401) return location.reload();
      if (answer.ok) {
        refused.replaceChildren();
        typed = 0; // whoever goes on typing is seen to
        // What was typed meanwhile stays.
        if (field.value.startsWith(sent)) field.value = field.value.slice(sent.length);
        form.querySelector("[name=key]").value = fresh();
        await fetchNew(pane);
        toEnd(pane.querySelector("[data-scroller]"));
      } else refused.replaceChildren(...parse(await answer.text()).body.children);
    } catch {
      if (cut) cut.hidden = false; // what was written stays, under the same key
    } finally {
      button.removeAttribute("aria-busy");
      const on = document.activeElement;
      if (!on || on === body || form.contains(on)) field.focus(); // not out of another conversation
    }
  };
  let typed = 0;
  document.addEventListener("input", (event) => {
    const field = event.target.closest("[data-write]");
    if (!field || Date.now() - typed < 2500) return;
    typed = Date.now();
    fetch(`/api/v1/conversations/${field.closest("[data-pane]").dataset.pane}/typing`, {
      method: "POST", credentials: "same-origin", headers: { "Idempotency-Key": fresh() }, signal: limit(),
    }).catch(() => {});
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-text]");
    if (!link) return;
    event.preventDefault();
    const into = link.dataset.into ? document.getElementById(link.dataset.into) : link.closest("form").querySelector("[data-write]");
    if (link.dataset.into || !into.value.trim()) into.value = link.dataset.text;
    else into.value = into.value.replace(/\s*$/, "\n") + link.dataset.text;
    for (const other of link.closest("ul").querySelectorAll("[aria-current]")) other.removeAttribute("aria-current");
    if (link.dataset.into) link.setAttribute("aria-current", "true");
    const details = link.closest("details");
    if (details) details.open = false;
    into.focus();
  });

  // --- Identity ---------------------------------------------------------------------
  const place = () => document.querySelector("[data-identity]");
  let ends;
  const hide = (tell) => {
    clearTimeout(ends);
    const box = place();
    if (!box || !box.firstElementChild) return;
    box.replaceChildren();
    if (tell) {
      const p = document.createElement("p");
      p.className = "quiet";
      p.textContent = box.dataset.gone;
      box.append(p);
    }
  };
  const watchEnd = () => {
    const panel = document.querySelector("[data-opened]");
    if (!panel) return;
    const shift = Date.parse(panel.dataset.now) - Date.now();
    ends = setTimeout(() => { hide(true); signal("sceau:escalation"); }, Math.max(0, Date.parse(panel.dataset.closeAt) - Date.now() - shift));
  };
  watchEnd();
  const open = async (form) => {
    const button = form.querySelector("button");
    button.setAttribute("aria-busy", "true");
    try {
      const answer = await post(form, "identity");
      if (answer.status === 401) return location.reload();
      hide();
      place().replaceChildren(...[...parse(await answer.text()).body.children].map((node) => document.importNode(node, true)));
      if (!answer.ok) return;
      form.querySelector("[name=key]").value = fresh();
      watchEnd();
      document.querySelector("[data-opened]").focus();
      signal("sceau:escalation");
    } catch {
      if (cut) cut.hidden = false;
    } finally { button.removeAttribute("aria-busy"); }
  };
  const print = async (form) => {
    const refused = form.parentElement.querySelector("[data-refused]");
    try {
      const answer = await post(form, "print");
      if (answer.status === 401) return location.reload();
      if (!answer.ok) return refused.replaceChildren(...parse(await answer.text()).body.children);
    } catch {
      if (cut) cut.hidden = false; // no sheet without its entry
      return;
    }
    refused.replaceChildren();
    form.querySelector("[name=key]").value = fresh(); // another sheet is another entry
    body.classList.add("printing");
    addEventListener("afterprint", () => body.classList.remove("printing"), { once: true });
    window.print();
  };
  addEventListener("pagehide", () => hide());
  document.addEventListener("click", (event) => { if (event.target.closest("[data-hide]")) hide(true); });

  document.addEventListener("submit", (event) => {
    const form = event.target;
    for (const [name, act] of [["data-reply-form", send], ["data-open", open], ["data-print", print]]) {
      if (!form.hasAttribute(name)) continue;
      event.preventDefault();
      act(form);
      return;
    }
    if (form.action.includes("/signout")) hide();
  });

  // --- Keys ---------------------------------------------------------------------------
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "Enter" && event.target.closest("[data-write]")) {
      event.preventDefault();
      return event.target.form.requestSubmit();
    }
    if (!event.altKey || event.ctrlKey || event.metaKey) return;
    const pane = (document.activeElement && document.activeElement.closest("[data-pane]")) || document.querySelector("[data-pane]");
    const to = {
      KeyR: () => pane && pane.querySelector("[data-write]"),
      KeyM: () => pane && pane.querySelector("[data-scroller]"),
      KeyL: () => document.querySelector("[data-escalate]"),
    }[event.code];
    const item = to ? to() : event.code.startsWith("Digit") && document.querySelector(`[data-shortcut="${event.code.slice(5)}"]`);
    if (!item) return;
    event.preventDefault();
    if (event.code === "KeyR" || event.code === "KeyM") item.focus();
    else item.click();
  });

  // --- The request ----------------------------------------------------------------------
  const cited = document.querySelector("[data-cited]");
  const count = () => {
    const n = document.querySelectorAll("[name=m]:checked").length;
    cited.textContent = n ? `${n} ${n === 1 ? cited.dataset.one : cited.dataset.many}` : "";
  };
  if (cited) { count(); document.addEventListener("change", count); }

  for (const box of document.querySelectorAll("[data-scroller]")) toEnd(box);
  document.documentElement.classList.add("script");
  unread();
})();
