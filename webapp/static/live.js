// Keeps the page current: asks for its changing part each second, one request at a time.
"use strict";

const live = document.getElementById("live");
const stale = document.getElementById("stale");
let shown = "";
let since = new Date();
let timer = 0;
let asking = false;

async function renew() {
  clearTimeout(timer);
  if (asking || document.hidden) return; // a tab that nobody sees asks nothing
  asking = true;
  try {
    const signal = AbortSignal.timeout(5000);
    const options = { cache: "no-store", headers: { Accept: "text/html" }, signal };
    const answer = await fetch("/?live", options);
    if (!answer.ok) throw new Error(answer.statusText);
    const text = await answer.text();
    // The same text stays as it is, and so does what somebody has just selected.
    if (text !== shown && getSelection().isCollapsed) live.innerHTML = shown = text;
    since = new Date();
    stale.textContent = "";
  } catch {
    stale.textContent = `No answer since ${since.toLocaleTimeString()}: this is as it was then.`;
  }
  asking = false;
  timer = setTimeout(renew, 1000);
}

stale.textContent = "";
document.addEventListener("visibilitychange", renew);
timer = setTimeout(renew, 1000);
