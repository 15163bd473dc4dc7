// The way of the sound: by WebRTC, or, where that does not connect, in pieces over the WebSocket.

const LOUD = 0.02; // of full scale, root mean square over 20 ms

export class Voice {
  // events: onLevel(0..1), onSpoke() (the person went quiet), onSound(msSinceSpoke | null) (first sound of an answer),
  //         onPlaying(whether an answer is heard), onMedia(state, words), onEvent(text) (data channel), onLost()
  constructor(rpc, events) {
    this.rpc = rpc;
    this.events = events;
    this.on = false;
    this.quietSince = 0;
    this.spoken = false;
    this.playing = false;
    this.pieces = new Map();
  }

  // Asked for before anything else is given up: the person may say no.
  async askForMicrophone() {
    if (!navigator.mediaDevices) throw Object.assign(new Error("no microphone here"), { code: "insecure_page" });
    const audio = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
    return navigator.mediaDevices.getUserMedia({ audio });
  }

  // Listens to the microphone, if there is one; sound is played in any case.
  async open(microphone) {
    this.on = true;
    this.held = undefined; // of an earlier call
    this.microphone = microphone;
    this.context = new AudioContext({ latencyHint: "interactive" });
    await this.context.resume();
    this.gate = this.context.createGain();
    this.ear = this.context.createAnalyser();
    this.gate.connect(this.ear);
    this.ear.connect(this.context.destination);
    if (microphone) {
      this.source = this.context.createMediaStreamSource(microphone);
      this.mouth = this.context.createAnalyser();
      this.source.connect(this.mouth);
    }
    this.watch = setInterval(() => this.measure(), 20);
  }

  // -- by WebRTC ----------------------------------------------------------------------------------

  async offer() {
    const peer = (this.peer = new RTCPeerConnection({ iceServers: this.iceServers ?? [] }));
    if (this.microphone) peer.addTrack(this.microphone.getAudioTracks()[0], this.microphone);
    else peer.addTransceiver("audio", { direction: "recvonly" });
    this.channel = peer.createDataChannel("oai-events");
    this.channel.onmessage = (event) => this.events.onEvent(event.data);
    peer.ontrack = ({ streams, track }) => {
      const stream = streams[0] ?? new MediaStream([track]);
      document.getElementById("speaker").srcObject = stream; // Chromium feeds WebAudio only while an element has the stream
      this.context.createMediaStreamSource(stream).connect(this.gate);
    };
    await peer.setLocalDescription();
    await gathered(peer, 250);
    return peer.localDescription.sdp;
  }

  // Resolves with whether media is connected within so many milliseconds.
  async answered(sdp, patience) {
    const peer = this.peer;
    await peer.setRemoteDescription({ type: "answer", sdp });
    const connected = await new Promise((resolve) => {
      const settle = () => {
        if (peer.connectionState === "connected") resolve(true);
        if (["failed", "closed"].includes(peer.connectionState)) resolve(false);
      };
      peer.onconnectionstatechange = settle;
      setTimeout(() => resolve(peer.connectionState === "connected"), patience);
      settle();
    });
    peer.onconnectionstatechange = () => {
      if (peer !== this.peer) return;
      if (peer.connectionState === "failed") this.events.onLost();
      if (peer.connectionState === "disconnected") this.events.onMedia("busy", "unsteady");
      if (peer.connectionState === "connected") this.events.onMedia("on", "WebRTC");
    };
    return connected;
  }

  dropPeer() {
    const peer = this.peer;
    this.peer = this.channel = null;
    peer?.close();
  }

  // -- over the WebSocket -------------------------------------------------------------------------

  async overSocket(threadId) {
    this.threadId = threadId;
    if (!this.source) return;
    await this.context.audioWorklet.addModule("console/microphone-worklet.js");
    this.worklet = new AudioWorkletNode(this.context, "microphone", { numberOfOutputs: 0 });
    this.worklet.port.onmessage = ({ data }) => {
      if (!this.rpc.isOpen || !this.on || this.held === false) return;
      const audio = { data: toBase64(new Uint8Array(data.buffer)), sampleRate: this.context.sampleRate, numChannels: 1 };
      this.rpc.call("thread/realtime/appendAudio", { threadId, audio }).catch(() => {});
    };
    this.source.connect(this.worklet);
  }

  // A piece of an answer, to be played behind what waits.
  play(audio) {
    if (!this.context) return;
    const bytes = Uint8Array.from(atob(audio.data), (letter) => letter.charCodeAt(0));
    const pcm = new Int16Array(bytes.buffer);
    const buffer = this.context.createBuffer(1, pcm.length, audio.sampleRate);
    buffer.getChannelData(0).set(Float32Array.from(pcm, (sample) => sample / 32768));
    const node = this.context.createBufferSource();
    node.buffer = buffer;
    node.connect(this.gate);
    const now = this.context.currentTime;
    const start = Math.max(now + 0.03, this.until ?? 0);
    node.start(start);
    this.until = start + buffer.duration;
    const item = this.pieces.get(audio.itemId) ?? [];
    item.push({ node, start, end: this.until });
    this.pieces.set(audio.itemId, item);
  }

  // What was not played yet is dropped; how much of the item was heard goes to the gateway.
  flush() {
    for (const [itemId, pieces] of this.pieces) {
      const now = this.context.currentTime;
      const heard = pieces.reduce((sum, { start, end }) => sum + Math.max(0, Math.min(now, end) - start), 0);
      const cut = pieces.some(({ end }) => end > now);
      for (const { node } of pieces) node.stop();
      if (cut && itemId) this.rpc.call("thread/realtime/played", { threadId: this.threadId, itemId, playedMs: Math.round(heard * 1000) }).catch(() => {});
    }
    this.pieces.clear();
    this.until = 0;
    this.mute();
  }

  // -- the loudspeaker ----------------------------------------------------------------------------

  mute() {
    if (!this.gate) return;
    this.gate.gain.cancelScheduledValues(this.context.currentTime);
    this.gate.gain.setTargetAtTime(0, this.context.currentTime, 0.002);
    this.muted = true;
  }

  unmute() {
    if (!this.gate || !this.muted) return;
    this.gate.gain.cancelScheduledValues(this.context.currentTime);
    this.gate.gain.setTargetAtTime(1, this.context.currentTime, 0.002);
    this.muted = false;
  }

  // -- push to talk -------------------------------------------------------------------------------

  hold(held) {
    this.held = held;
    this.microphone?.getAudioTracks().forEach((track) => (track.enabled = held));
  }

  // -- levels -------------------------------------------------------------------------------------

  measure() {
    const now = performance.now();
    const mine = this.mouth && this.held !== false ? level(this.mouth) : 0;
    const theirs = level(this.ear);
    this.events.onLevel(Math.min(1, mine * 4));
    if (mine > LOUD) {
      this.loudFor = (this.loudFor ?? 0) + 20;
      this.quietSince = now;
      if (this.loudFor >= 120) {
        this.spoken = true;
        if (this.playing && !this.muted) this.duck(now);
      }
    } else if (now - this.quietSince > 200) this.loudFor = 0;
    const sounding = theirs > LOUD / 4 && !this.muted;
    if (sounding && !this.playing) {
      this.events.onSound(this.spoken && now - this.quietSince > 100 ? now - this.quietSince : null);
      if (now - this.quietSince > 100) this.spoken = false;
    }
    if (sounding) this.lastSound = now;
    this.nowPlaying(sounding || (this.playing && now - this.lastSound < 600));
  }

  nowPlaying(playing) {
    if (playing !== this.playing) this.events.onPlaying(playing);
    this.playing = playing;
  }

  // The person speaks over the answer: silence here at once; if the gateway does not agree, it goes on.
  duck(now) {
    this.mute();
    this.ducked = now;
    setTimeout(() => {
      if (this.ducked === now && !this.agreed) this.unmute();
      this.agreed = false;
    }, 900);
  }

  agree() {
    this.agreed = true;
  }

  // What the browser knows of the call, for people and tests.
  async stats() {
    if (!this.peer) return null;
    const found = {};
    for (const report of (await this.peer.getStats()).values()) {
      if (report.type === "inbound-rtp") Object.assign(found, { packetsReceived: report.packetsReceived, packetsLost: report.packetsLost, energy: report.totalAudioEnergy, jitter: report.jitter });
      if (report.type === "outbound-rtp") found.packetsSent = report.packetsSent;
    }
    return found;
  }

  close() {
    this.on = false;
    clearInterval(this.watch);
    this.dropPeer();
    this.microphone?.getTracks().forEach((track) => track.stop());
    document.getElementById("speaker").srcObject = null;
    this.context?.close();
    this.context = this.gate = this.microphone = this.source = this.mouth = null;
    this.pieces.clear();
    this.until = 0;
    this.nowPlaying(false);
    this.events.onLevel(0);
  }
}

const scratch = new Float32Array(1024);

function level(analyser) {
  analyser.getFloatTimeDomainData(scratch);
  let sum = 0;
  for (const sample of scratch) sum += sample * sample;
  return Math.sqrt(sum / scratch.length);
}

function gathered(peer, patience) {
  return new Promise((resolve) => {
    if (peer.iceGatheringState === "complete") return resolve();
    peer.addEventListener("icegatheringstatechange", () => peer.iceGatheringState === "complete" && resolve());
    setTimeout(resolve, patience);
  });
}

function toBase64(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text);
}
