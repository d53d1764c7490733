// Everything works without this. It keeps ages true and the lists fresh, asking ever more seldom while the link is bad.
"use strict";
(() => {
  const words = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "always", style: "short" });
  const units = [["year", 31557600], ["month", 2629800], ["week", 604800], ["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
  const ago = (at) => {
    const seconds = (at - Date.now()) / 1000;
    const [unit, length] = units.find(([, length]) => Math.abs(seconds) >= length) || units[units.length - 1];
    return words.format(Math.round(seconds / length), unit);
  };
  const tellAges = () => {
    for (const one of document.querySelectorAll("time[data-ago]")) one.textContent = ago(Date.parse(one.dateTime));
  };
  setInterval(tellAges, 30000);

  const { refresh, offline, gone } = document.body.dataset;
  const live = document.getElementById("live");
  const notice = document.getElementById("offline");
  if (!refresh || !live) return;
  const SHORTEST_MS = 20000, LONGEST_MS = 600000;
  let tag = document.body.dataset.tag, wait = SHORTEST_MS, fresh = Date.now(), timer = 0;
  const say = (text) => { notice.textContent = text; notice.hidden = !text; };

  const ask = async () => {
    clearTimeout(timer);
    if (document.hidden) return;
    const cut = new AbortController();
    const late = setTimeout(() => cut.abort(), 60000);
    try {
      const answer = await fetch(refresh, { headers: { "If-None-Match": tag }, cache: "no-store", signal: cut.signal });
      if (answer.status === 401) { say(gone); return; }
      if (answer.status !== 304) {
        if (!answer.ok) throw new Error(String(answer.status));
        live.innerHTML = await answer.text();
        tag = answer.headers.get("ETag");
      }
      wait = SHORTEST_MS;
      fresh = Date.now();
      tellAges();
      say("");
    } catch {
      wait = Math.min(wait * 2, LONGEST_MS);
      say(`${offline} ${ago(fresh)}.`);
    } finally {
      clearTimeout(late);
    }
    timer = setTimeout(ask, wait * (0.8 + 0.4 * Math.random()));
  };
  document.addEventListener("visibilitychange", () => { if (!document.hidden) ask(); });
  timer = setTimeout(ask, wait);
})();
