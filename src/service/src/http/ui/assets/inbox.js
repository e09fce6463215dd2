// Brings a page up to date while it is open. Everything also works without this, by loading the page again.
"use strict";

(() => {
  const ahead = Number(document.body.dataset.now || Date.now()) - Date.now();
  const now = () => Date.now() + ahead;

  // As `span` of moment.rs.
  const two = (large, unit, small, part) => (small ? `${large} ${unit} ${small} ${part}` : `${large} ${unit}`);
  function span(ms) {
    const s = Math.floor(ms / 1000), minutes = Math.floor(s / 60), hours = Math.floor(s / 3600), days = Math.floor(s / 86400);
    if (s < 60) return `${s} s`;
    if (s < 600) return two(minutes, "min", s % 60, "s");
    if (s < 3600) return `${minutes} min`;
    if (s < 86400) return two(hours, "h", minutes % 60, "min");
    return two(days, "d", hours % 24, "h");
  }

  function tick() {
    for (const time of document.querySelectorAll("time[data-until]")) {
      const left = Math.max(0, Number(time.dataset.until) - now());
      time.textContent = span(left);
      time.parentElement.classList.toggle("urgent", left < 60000);
      if (left === 0 && !time.dataset.over) {
        time.dataset.over = "1";
        later(1000);
      }
    }
    for (const time of document.querySelectorAll("time[data-at]")) {
      const ago = now() - Number(time.dataset.at);
      time.textContent = ago < 5000 ? "just now" : `${span(ago)} ago`;
    }
  }

  const live = () => [...document.querySelectorAll("[data-live]")];

  // What somebody is filling in stays, as long as it can still be sent.
  function inUse(part, next) {
    if (part.id !== "decision" || next.dataset.open !== part.dataset.open) return false;
    const typed = [...part.querySelectorAll("textarea")].some((area) => area.value !== area.defaultValue);
    return typed || part.contains(document.activeElement) || part.querySelector("details[open], .error") !== null;
  }

  // Who could approve what the page showed approves nothing else: calls that join the set have to be looked at first.
  function keepSeen(part, next) {
    if (!part.querySelector("button[value=approve], button[value=break_glass]")) return;
    const seen = part.querySelector("input[name=seen]").value;
    for (const input of next.querySelectorAll("input[name=seen]")) input.value = seen;
  }

  function replace(part, next) {
    const focused = part.contains(document.activeElement) && document.activeElement;
    const key = focused && (focused.id || focused.getAttribute("href"));
    part.replaceWith(document.adoptNode(next));
    if (!key) return;
    const again = document.getElementById(key) || next.querySelector(`[href="${CSS.escape(key)}"]`);
    (again || document.getElementById("main")).focus({ preventScroll: true });
  }

  function speak(text) {
    document.getElementById("spoken").textContent = text;
  }

  function tell(page) {
    const [before, after] = [document, page].map((d) => d.querySelector("[data-count]")?.dataset.count);
    if (after !== undefined && before !== after) {
      speak(after === "0" ? "Nothing waits for you." : `${after} ${after === "1" ? "call waits" : "calls wait"} for a decision.`);
    }
    const [was, is] = [document, page].map((d) => d.querySelector(".standing .status")?.textContent);
    if (is !== undefined && was !== is) speak(`The call is ${is} now.`);
  }

  let busy = false, again = false;
  async function refresh() {
    if (busy) { again = true; return; }
    if (!live().length || document.hidden) return;
    busy = true;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" }, cache: "no-store" });
      if (answer.redirected && new URL(answer.url).pathname === "/login") {
        document.getElementById("ended").hidden = false;
        return;
      }
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      tell(page);
      for (const part of live()) {
        const next = page.getElementById(part.id);
        if (!next) continue;
        if (inUse(part, next)) continue;
        keepSeen(part, next);
        if (part.outerHTML !== next.outerHTML) replace(part, next);
      }
      document.title = page.title;
      tick();
    } catch {
      // The service is away; the next round asks again.
    } finally {
      busy = false;
      if (again) { again = false; later(0); }
    }
  }

  // However much happens, the page is asked for once a second at most.
  let timer, last = 0;
  function later(ms) {
    clearTimeout(timer);
    timer = setTimeout(() => { last = Date.now(); refresh(); }, Math.max(ms, last + 1000 - Date.now()));
  }

  // A page that nobody looks at holds no connection: browsers have six for each host.
  let source;
  function listen() {
    source?.close();
    source = undefined;
    if (document.hidden || !live().length) return;
    source = new EventSource("/events");
    source.addEventListener("changed", () => later(100));
    source.addEventListener("open", () => later(100));
  }

  function move(step) {
    const links = [...document.querySelectorAll(".call h2 a")];
    if (!links.length) return;
    const at = links.indexOf(document.activeElement);
    links[Math.min(Math.max(at + step, 0), links.length - 1)].focus();
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) return;
    if (event.key === "j") move(1);
    else if (event.key === "k") move(-1);
  });
  document.addEventListener("visibilitychange", listen);
  addEventListener("pagehide", () => source?.close());
  addEventListener("pageshow", (event) => { if (event.persisted) { listen(); later(0); } });

  if (document.querySelector(".me")) {
    listen();
    setInterval(tick, 1000);
    // Whether a caller is on the line changes without an event.
    setInterval(() => later(0), 10000);
  }
})();
