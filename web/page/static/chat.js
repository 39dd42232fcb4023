// The conversation, live. Messages wait in this page's memory until the service has
// said their position, and are sent again under the same key: none is lost, none is
// there twice. Nothing is stored in the browser.
(() => {
  const talk = document.getElementById("talk");
  if (!talk) return;
  const words = talk.dataset;
  const list = document.getElementById("messages");
  const live = document.getElementById("live"); // these are not there when it is closed
  const cut = document.getElementById("cut");
  const form = document.getElementById("write");
  const field = document.getElementById("text");
  const api = "/api/v1/conversation";
  const lang = document.documentElement.lang;
  const hours = lang === "en" ? "en-GB" : lang;

  let next = Number(words.next); // position of the first message that is not here
  let state = words.state;
  let staff = "";
  let delivered = 0;
  let gone = false;
  let source;
  let last = {}; // what the other side showed last
  const waiting = []; // messages without a position, oldest first
  const held = new Map(); // own messages that may be one of those, by position
  addEventListener("sceau:leave", () => { gone = true; if (source) source.close(); });

  // A request without an answer, as when a telephone changes networks, is given up: the
  // messages behind it go on. AbortSignal.timeout is too new for some telephones.
  const limit = () => {
    const end = new AbortController();
    setTimeout(() => end.abort(), 20000);
    return end.signal;
  };
  const ask = async (path, options = {}) => {
    const answer = await fetch(api + path, { credentials: "same-origin", signal: limit(), ...options });
    if (answer.status === 401) { gone = true; location.replace("/chat"); }
    return answer;
  };
  const fresh = () => ([1e7] + -1e3 + -4e3 + -8e3 + -1e11).replace(/[018]/g, (c) =>
    (c ^ (crypto.getRandomValues(new Uint8Array(1))[0] & (15 >> (c / 4)))).toString(16));

  // One thing at a time with the service: sending and fetching never overlap.
  let work = Promise.resolve();
  let stalled = 0;
  const queue = (what) => { work = work.then(what).catch(failed); return work; };
  const failed = () => {
    if (gone) return;
    showCut(true);
    const wait = Math.min(500 * 2 ** stalled++, 15000);
    setTimeout(() => queue(catchUp), wait + Math.random() * wait / 2);
  };
  const fine = () => { stalled = 0; showCut(false); };
  const showCut = (is) => {
    if (!cut || cut.hidden !== is) return;
    cut.hidden = !is;
    show(last); // nobody is there behind a cut line
  };

  const bottom = () => innerHeight + scrollY > document.documentElement.scrollHeight - 160;
  const down = () => scrollTo({ top: document.documentElement.scrollHeight });

  const bubble = (author, text, at) => {
    const item = document.createElement("li");
    if (author === "minor") item.className = "mine";
    if (author === "service") item.className = "service";
    const p = document.createElement("p");
    p.textContent = text;
    const meta = document.createElement("div");
    meta.className = "meta";
    const who = document.createElement("span");
    who.textContent = words[author === "minor" ? "you" : author] || author;
    meta.append(who);
    if (at) meta.append(clock(at));
    if (author === "minor") {
      const how = document.createElement("span");
      how.className = "state";
      meta.append(how);
    }
    item.append(p, meta);
    return item;
  };
  const clock = (at, time = document.createElement("time")) => {
    time.dateTime = at;
    const day = Date.now() - Date.parse(at) < 72e6 ? {} : { day: "numeric", month: "long" };
    time.textContent = new Date(at).toLocaleString(hours, { hour: "2-digit", minute: "2-digit", ...day });
    return time;
  };
  const mark = (item, how) => {
    const span = item.querySelector(".state");
    if (span && span.textContent !== how) span.textContent = how;
  };
  const marks = () => {
    for (const item of list.querySelectorAll("li.mine[data-position]")) {
      mark(item, Number(item.dataset.position) < delivered ? words.delivered : words.sent);
    }
  };
  // Messages stand in the order of their positions; what waits is below.
  const place = (item, position) => {
    item.dataset.position = position;
    const after = [...list.children].find((other) => !other.dataset.position || Number(other.dataset.position) > position);
    if (after !== item) list.insertBefore(item, after || null);
  };
  const here = (position) => list.querySelector('li[data-position="' + position + '"]');

  const send = async () => {
    while (waiting.length && !gone) {
      const one = waiting[0];
      one.tried = true;
      const answer = await ask("/messages", {
        method: "POST",
        headers: { "Content-Type": "application/json", "Idempotency-Key": one.key, "Accept-Language": lang },
        body: JSON.stringify({ text: one.text }),
      });
      if (answer.ok) {
        const { position, at } = await answer.json();
        waiting.shift();
        held.delete(position);
        if (here(position)) one.item.remove();
        else {
          one.item.querySelector(".meta span").after(clock(at));
          place(one.item, position);
        }
        marks();
        fine();
        continue;
      }
      if (answer.status === 408 || answer.status === 429 || answer.status >= 500 || answer.status === 401) throw new Error("later");
      // Refused for good: it is given back to whoever wrote it.
      const problem = await answer.json().catch(() => ({}));
      waiting.shift();
      mark(one.item, (problem.title ? problem.title + ". " : "") + words.refused);
      one.item.classList.add("refused");
      if (field && !field.value) field.value = one.text;
    }
    for (const [position, message] of held) if (!here(position)) place(bubble(message.author, message.text, message.at), position);
    held.clear();
    marks();
  };

  const fetchNew = async () => {
    for (;;) {
      const answer = await ask("/messages?from=" + next);
      if (!answer.ok) throw new Error("later");
      const { messages } = await answer.json();
      const follow = bottom();
      for (const message of messages) {
        next = Math.max(next, message.position + 1);
        if (message.kind === "postal_code" || here(message.position)) continue;
        if (message.author === "minor" && waiting.some((one) => one.tried && one.text === message.text)) {
          held.set(message.position, message);
          continue;
        }
        place(bubble(message.author, message.text, message.at), message.position);
        if (message.author !== "minor") typingTold = false;
      }
      marks();
      if (messages.length && follow) down();
      if (!messages.length) return;
    }
  };

  // What cannot be sent for now does not keep answers from being read.
  const catchUp = async () => {
    const trouble = await send().then(() => null, (error) => error);
    if (gone) return;
    await fetchNew();
    if (trouble) throw trouble;
    fine();
  };

  // The words about who is there are the service's own.
  const status = async () => {
    const answered = list.querySelector("li:not(.mine, .service)") ? "?answered" : "";
    const answer = await fetch("/chat/status" + answered, { credentials: "same-origin", signal: limit() });
    if (!answer.ok) return;
    document.getElementById("status").innerHTML = await answer.text();
    count();
  };

  const count = () => {
    for (const since of document.querySelectorAll("[data-since]")) {
      if (!since.dataset.skew) since.dataset.skew = Date.now() - Date.parse(since.dataset.now);
      const minutes = Math.floor((Date.now() - Number(since.dataset.skew) - Date.parse(since.dataset.since)) / 60000);
      const text = minutes < 1 ? words.minute
        : minutes < 60 ? words.minutes.replace("{n}", minutes)
          : words.hours.replace("{h}", Math.floor(minutes / 60)).replace("{m}", String(minutes % 60).padStart(2, "0"));
      if (since.textContent !== text) since.textContent = text;
    }
  };
  setInterval(count, 5000);
  count();

  let told = ""; // who is there, as it was last said
  let typingTold = false; // since the last message
  const show = (sign) => {
    delivered = Math.max(delivered, sign.delivered || 0);
    marks();
    const there = sign.present || [];
    let text = "";
    if (cut && !cut.hidden) text = "";
    else if ((sign.typing || []).length) text = words.typing;
    else if (state === "waiting") text = words.waiting;
    else if (state !== "active") text = "";
    else if (there.includes("agent")) text = there.includes("psychologist") ? words.psychologistHere : words.agentHere;
    else if (staff.includes("agent")) text = words.away;
    if (live && live.textContent !== text) {
      const follow = bottom();
      // Read aloud when it is news, not each time that somebody stops and goes on typing.
      const types = text === words.typing;
      live.setAttribute("aria-live", types ? (typingTold ? "off" : "polite") : text === told ? "off" : "polite");
      if (types) typingTold = true;
      else told = text;
      live.textContent = text;
      if (follow) down();
    }
  };

  let wait = 500;
  const listen = () => {
    if (gone || state === "closed") return;
    source = new EventSource(api + "/events");
    source.onopen = () => { wait = 500; queue(catchUp); };
    source.addEventListener("conversation", (event) => {
      const now = JSON.parse(event.data);
      const changed = now.state !== state || now.staff.join() !== staff;
      staff = now.staff.join();
      if (now.state === "closed" && state !== "closed") {
        gone = true;
        source.close();
        location.replace("/chat"); // as it is now: to be read
        return;
      }
      state = now.state;
      if (changed) { status().catch(() => {}); show(last); }
      if (now.messages > next) queue(catchUp);
    });
    source.addEventListener("live", (event) => { last = JSON.parse(event.data); show(last); });
    source.onerror = () => {
      if (gone) return;
      // Streams end every few minutes and are opened again at once: that is no cut.
      setTimeout(() => { if (!gone && source.readyState !== EventSource.OPEN) showCut(true); }, 3000);
      // A stream that ended is opened again by the browser; one that was refused is not.
      if (source.readyState !== EventSource.CLOSED) return;
      setTimeout(listen, wait + Math.random() * wait);
      wait = Math.min(wait * 2, 15000);
    };
  };
  // A line that died without a word, as when a telephone changes networks, and a page
  // that slept in a pocket: look, and listen again.
  const look = async () => {
    if (gone || state === "closed" || document.hidden) return;
    const answer = await ask("");
    if (!answer.ok) return;
    if ((await answer.json()).messages > next) {
      source.close();
      listen();
    }
  };
  setInterval(() => look().catch(() => {}), 60000);
  addEventListener("visibilitychange", () => look().catch(() => {}));
  addEventListener("online", () => { if (!gone && state !== "closed") { stalled = 0; queue(catchUp); } });
  addEventListener("pagehide", () => source && source.close());
  addEventListener("pageshow", (event) => event.persisted && location.reload());

  if (form) {
    document.getElementById("look").parentElement.hidden = true;
    let said = 0;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const text = field.value.trim();
      if (!text) return;
      const one = { key: fresh(), text, item: bubble("minor", text) };
      mark(one.item, words.sending);
      list.append(one.item);
      waiting.push(one);
      said = 0; // whoever goes on typing is seen to
      field.value = "";
      grow();
      down();
      field.focus();
      queue(send);
    });
    // Where there is a keyboard, Enter sends; on a phone it begins a line.
    field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing || !matchMedia("(pointer: fine)").matches) return;
      event.preventDefault();
      form.requestSubmit();
    });
    field.addEventListener("input", () => {
      grow();
      if (state !== "active" || Date.now() - said < 2500 || !field.value) return;
      said = Date.now();
      fetch(api + "/typing", { method: "POST", credentials: "same-origin", headers: { "Idempotency-Key": fresh() }, signal: limit() }).catch(() => {});
    });
    const grow = () => {
      field.rows = Math.min(6, Math.max(2, field.value.split("\n").length, Math.ceil(field.value.length / 38)));
    };
    grow();
    addEventListener("beforeunload", (event) => {
      if (waiting.length && !gone) event.preventDefault(); // something is not sent yet
    });
  }
  // Where the reader is, it may be another hour than where the service is.
  for (const time of list.querySelectorAll("time")) clock(time.dateTime, time);
  if (state === "active" || field && field.value) down();
  listen();
})();
