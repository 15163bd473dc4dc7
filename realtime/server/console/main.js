// The page: one thread, one call, and everything that can be seen of them.

import { Call } from "./call.js";
import { Controls } from "./controls.js";
import { Desk } from "./desk.js";
import { folds, menus } from "./folds.js";
import { httpOf } from "./http.js";
import { PaceView } from "./pace.js";
import { Rpc } from "./rpc.js";
import { $, dismiss, light, mention, notice, say } from "./signs.js";
import { ThreadView } from "./thread.js";
import { ThreadsMenu } from "./threads.js";
import { Token } from "./token.js";
import { Voice } from "./voice.js";
import { save, WireView } from "./wire.js";
import { CLOSED, WORDS } from "./words.js";
import { WorkView } from "./work.js";

const SLOWEST_MS = 30000; // what takes longer is no answer to what was said

const wire = new WireView($("wire"));
const thread = new ThreadView($("lines"), $("empty"));
const pace = new PaceView($("pace-bars"), $("no-pace"));
const controls = new Controls();
const work = new WorkView($("jobs"), $("no-work"), {
  onSteer: (text) => act("turn/steer", { input: [{ type: "text", text }] }),
  onCancel: () => act("turn/interrupt", {}),
  onState: (jobs) => {
    light("agent", jobs.length ? "busy" : "off", jobs.length ? "working" : "idle");
    $("try-steering").hidden = !jobs.some(({ asked }) => /timer/i.test(asked));
  },
});
const rpc = new Rpc({ onNotification, onState: onConnection, onFrame: (way, text, message) => wire.frame(way, text, message) });
const http = httpOf(rpc);
const voice = new Voice(rpc, {
  onLevel: (value) => ($("level").value = value),
  onSound: (ms) => ms !== null && ms < SLOWEST_MS && pace.add(ms, { how: "spoken", words: thread.lastSaid?.text, itemId: thread.lastSaid?.id }),
  onPlaying: (playing) => controls.sounds({ playing }),
  onMedia: (state, word) => light("media", state, word),
  onEvent: (text) => wire.frame("in", text, JSON.parse(text), "data channel"),
  onLost: () => call.mediaLost(),
});
const call = new Call({ rpc, voice, thread, controls, voiceName: () => $("voice").value });
const desk = new Desk({ http, voice, thread, controls });
const token = new Token(rpc);
new ThreadsMenu({
  rpc, http, thread,
  onOpen: (threadId) => openThread(threadId).catch(notice),
  onDeleting: async (threadId) => {
    if (threadId !== thread.threadId) return;
    if (call.now) await call.stop();
    deleting = threadId;
  },
  onDeleted: (threadId) => threadId === thread.threadId && newThread().catch(notice),
});

let typed = null; // {at, words}: sent, and without a word of an answer
let deleting = null; // the thread that is deleted here
let away = false;

async function act(method, params) {
  try {
    return await rpc.call(method, { threadId: thread.threadId, ...params });
  } catch (error) {
    notice(error);
    return null;
  }
}

// -- the connection --------------------------------------------------------------------------------

async function onConnection(state, why) {
  const shown = { connecting: ["busy", "connecting"], open: ["on", "connected"], lost: ["bad", "lost, coming back"], refused: ["bad", "refused"] }[state];
  light("control", ...shown);
  if (state === "lost") return lost();
  if (state === "refused") return token.refused(why);
  if (state !== "open") return;
  away = false;
  dismiss();
  token.accepted();
  try {
    await (thread.threadId ? comeBack() : begin());
  } catch (error) {
    notice(error);
  }
  if (!call.starting) $("talk-button").disabled = false;
}

// Said once: it is tried again and again.
function lost() {
  if (away) return;
  away = true;
  notice({ code: call.now ? "lost_in_call" : "connection_lost" });
  say("Not connected to the gateway.");
}

async function begin() {
  const wanted = location.hash.slice(1);
  const { voices } = await rpc.call("thread/realtime/listVoices", {});
  $("voice").replaceChildren(...voices.v2.map((name) => new Option(name, name, name === voices.defaultV2, name === voices.defaultV2)));
  try {
    await (wanted ? openThread(wanted) : newThread());
  } catch (error) {
    if (!wanted || error.code === "connection_lost") throw error;
    await newThread();
    notice({ code: "unknown_thread" });
  }
  await desk.about();
}

async function newThread() {
  const { thread: made } = await rpc.call("thread/start", {});
  show(made.id, made.epoch);
  say(WORDS.ready);
}

function show(threadId, epoch) {
  thread.clear(threadId);
  thread.epoch = epoch;
  work.clear();
  pace.clear();
  history.replaceState(null, "", `#${threadId}`);
}

async function openThread(threadId) {
  if (call.now) await call.stop();
  const { epoch, thread: found } = await rpc.call("thread/resume", { threadId, afterSeq: 0 }); // its records follow
  show(threadId, epoch);
  call.elsewhere = Boolean(found.realtime);
  say(found.realtime ? WORDS.call_elsewhere : found.seq ? WORDS.no_call : WORDS.ready);
}

async function comeBack() {
  const known = call.now;
  const { resumed, epoch, thread: found } = await rpc.call("thread/resume", { threadId: thread.threadId, afterSeq: thread.seq, epoch: thread.epoch, audio: known !== null });
  if (!resumed) show(thread.threadId, epoch);
  if (call.starting) return;
  if (!known) say(WORDS.no_call);
  else if (call.now === known && !found.realtime) call.ended(CLOSED.away);
  else if (call.now === known) call.show();
}

// -- what the gateway tells ------------------------------------------------------------------------

function onNotification(method, params) {
  if (params.threadId && params.threadId !== thread.threadId) return;
  HEARD[method]?.(params);
}

const HEARD = {
  "item/started": (params) => recorded(params),
  "item/completed": (params) => recorded(params),
  "turn/started": (params) => recorded(params),
  "turn/completed": (params) => recorded(params),
  "thread/realtime/transcript/delta": (params) => {
    if (params.role === "assistant" && !thread.live.has(params.itemId)) firstWord();
    thread.delta(params);
    if (params.role === "assistant" && params.itemId !== voice.cutItem) voice.unmute();
  },
  "thread/realtime/transcript/done": (params) => {
    thread.done(params);
    if (params.role === "user") pace.label(params.itemId, params.text);
  },
  "thread/realtime/state": ({ responseActive }) => controls.sounds({ active: responseActive }),
  "thread/realtime/outputAudio/delta": ({ audio }) => {
    if (audio.itemId === voice.cutItem) return;
    voice.unmute();
    voice.play(audio);
  },
  "thread/realtime/outputAudio/flush": ({ itemId }) => {
    voice.cutItem = itemId;
    voice.agree();
    voice.flush();
  },
  "thread/realtime/handoff": (params) => {
    thread.handoff(params);
    work.handoff(params);
  },
  "thread/realtime/started": () => call.started?.resolve(),
  "thread/realtime/sdp": ({ sdp }) => call.sdp?.resolve(sdp),
  "thread/realtime/reconnecting": ({ action }) => {
    if (action === "offer") return call.mediaLost();
    light("media", "busy", "voice model is sought");
    mention("The voice model was lost; the talk goes on as soon as it is back. You need not do anything.", null);
  },
  "thread/realtime/resumed": () => {
    if (!call.now || call.starting) return;
    call.show();
    mention("The voice model is back; the talk goes on.");
  },
  "thread/realtime/error": (params) => call.refused(params),
  "thread/realtime/closed": ({ reason }) => call.closed(reason),
  "thread/deleted": ({ threadId }) => threadId !== deleting && notice({ code: "thread_not_found" }),
  error: (params) => notice(params),
};

function recorded(params) {
  thread.record(params);
  if (params.turn) work.turn(params.turn);
  if (params.item?.type === "userMessage") pace.label(params.item.id, params.item.text);
}

// -- what is typed ---------------------------------------------------------------------------------

async function sayTyped(text) {
  try {
    if (call.starting) await call.starting;
    else if (!call.now) await call.start(controls.wished({ typed: true }));
    typed = { at: performance.now(), words: text };
    await rpc.call("thread/realtime/appendText", { threadId: thread.threadId, text, respond: true });
  } catch (error) {
    typed = null;
    $("say").value ||= text; // nobody has it: it can be said again
    notice(error);
  }
}

function firstWord() {
  if (!typed) return;
  pace.add(performance.now() - typed.at, { how: "typed", words: typed.words });
  typed = null;
}

async function exportThread(format) {
  $("export-menu").open = false;
  try {
    const response = await http(`v1/threads/${thread.threadId}/transcript?format=${format}`);
    const ending = { text: "txt", jsonl: "jsonl", vtt: "vtt" }[format];
    save(`thread-${thread.threadId.slice(-6)}.${ending}`, await response.text(), "text/plain");
  } catch (error) {
    notice(error);
  }
}

// -- hands -----------------------------------------------------------------------------------------

const start = (wanted) => call.start(wanted).catch(() => {}); // it has said why
$("talk-button").onclick = () => (call.now ? call.stop() : start(controls.wished()));
$("microphone-button").onclick = () => {
  $("modality").value = "audio"; // whoever speaks is answered by voice
  if (controls.microphone === "none") controls.microphone = "open";
  start(controls.wished());
};
$("modality").onchange = () => (call.now ? start(controls.wished({ typed: call.now.microphone === "none" })) : controls.show(null));
$("voice").onchange = () => call.now?.modality === "audio" && start({ ...call.now });
$("mode").onchange = () => {
  controls.microphone = $("mode").value;
  if (call.now) start(controls.wished());
};
$("say-form").onsubmit = (event) => {
  event.preventDefault();
  const text = $("say").value.trim();
  if (!text) return;
  $("say").value = "";
  sayTyped(text);
};
$("hush").onclick = () => {
  voice.flush();
  rpc.call("thread/realtime/interrupt", { threadId: thread.threadId }).catch((error) => error.code === "session_not_found" || notice(error)); // without a call nothing sounds
};
for (const button of document.querySelectorAll(".try")) button.onclick = () => sayTyped(button.textContent);
$("hold-button").onpointerdown = () => call.hold(true);
$("hold-button").onpointerup = $("hold-button").onpointerleave = () => call.hold(false);
$("new-thread").onclick = async () => { if (call.now) await call.stop(); await newThread().catch(notice); };
for (const button of document.querySelectorAll("[data-export]")) button.onclick = () => exportThread(button.dataset.export);
$("open-settings").onclick = () => $("settings").showModal();

const typing = (target) => target.matches("input, select, button, summary, textarea, [contenteditable]");
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && call.now && !document.querySelector("dialog[open]")) $("hush").onclick();
  if (event.code === "Space" && !event.repeat && (!typing(event.target) || event.target === $("hold-button"))) {
    if (call.now?.microphone === "push") event.preventDefault();
    call.hold(true);
  }
});
addEventListener("keyup", (event) => event.code === "Space" && call.hold(false));

window.voxgate = { voice, thread, get call() { return call.now; } }; // for tests and the curious
folds(document.querySelectorAll("details.fold"));
menus([$("threads-menu"), $("export-menu")]);
controls.show(null);
$("talk-button").disabled = true;
rpc.connect();
