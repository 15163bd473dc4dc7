"use strict";
// What a page does that calls a voice: microphone, one data channel, an offer, the answer. Sound is measured, not judged.
const call = { events: [], levels: [], notes: [], location: null };

async function begin(answer) {
  const connection = call.connection = new RTCPeerConnection();
  const microphone = await navigator.mediaDevices.getUserMedia({
    audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
  });
  connection.addTrack(microphone.getTracks()[0], microphone);
  connection.ontrack = (event) => measure(event.streams[0] ?? new MediaStream([event.track]));
  const channel = call.channel = connection.createDataChannel("oai-events");
  channel.onmessage = (message) => call.events.push({ at: performance.now(), ...JSON.parse(message.data) });
  await connection.setLocalDescription(await connection.createOffer());
  await connection.setRemoteDescription({ type: "answer", sdp: await answer(connection.localDescription.sdp) });
}

function measure(stream) {
  call.element = Object.assign(new Audio(), { srcObject: stream, muted: true });  // without it, nothing reaches the graph
  call.element.play();
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 512;
  context.createMediaStreamSource(stream).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
    call.levels.push({ at: performance.now(), level: Math.sqrt(power) });
  }, 10);
}

const LOUD = 0.005;

// When the first stretch of silence of so many ms began that lies after a moment; null while there is none.
function quietSince(after, ms) {
  let began = null;
  for (const { at, level } of call.levels) {
    if (at < after) continue;
    if (level > LOUD) began = null;
    else if (began === null) began = at;
    else if (at - began >= ms) return began;
  }
  return null;
}

const loud = (after = 0) => call.levels.some(({ at, level }) => at > after && level > LOUD);

async function byHttp(url) {
  await begin(async (offer) => {
    const response = await fetch(url, { method: "POST", body: offer, headers: { "Content-Type": "application/sdp" } });
    if (response.status !== 201) throw new Error(`${response.status} ${await response.text()}`);
    call.location = response.headers.get("Location");
    return response.text();
  });
}

async function hangUp() {
  const response = await fetch(call.location, { method: "DELETE" });
  call.connection.close();
  return response.status;
}

async function byRpc(url, params) {
  const socket = call.socket = new WebSocket(url);
  const told = new Map();
  let last = 0;
  const ask = call.ask = (method, values) => new Promise((resolve, reject) => {
    told.set(++last, { resolve, reject });
    socket.send(JSON.stringify({ id: last, method, params: values }));
  });
  await new Promise((resolve, reject) => { socket.onopen = resolve; socket.onerror = reject; });
  let answered;
  const answer = new Promise((resolve, reject) => { answered = { resolve, reject }; });
  socket.onmessage = (message) => {
    const value = JSON.parse(message.data);
    if (value.id !== undefined) {
      const { resolve, reject } = told.get(value.id);
      return value.error ? reject(new Error(value.error.message)) : resolve(value.result);
    }
    call.notes.push({ at: performance.now(), ...value });
    if (value.method === "thread/realtime/sdp") answered.resolve(value.params.sdp);
    if (value.method === "thread/realtime/error") answered.reject(new Error(value.params.message));
  };
  await ask("initialize", { clientInfo: { name: "page", version: "0" } });
  await begin(async (offer) => {
    await ask("thread/realtime/start", { ...params, transport: { type: "webrtc", sdp: offer } });
    return answer;
  });
}

async function heardStats() {
  for (const report of (await call.connection.getStats()).values())
    if (report.type === "inbound-rtp" && report.kind === "audio")
      return { packets: report.packetsReceived, energy: report.totalAudioEnergy };
  return { packets: 0, energy: 0 };
}
