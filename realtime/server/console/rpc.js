// The JSON-RPC door: calls, notifications, and coming back after a loss with every record in its place.

export class RpcError extends Error {
  constructor(error) {
    super(error.message);
    this.code = error.data?.code ?? "internal";
    this.retryable = error.data?.retryable ?? false;
  }
}

const REFUSED = { 4401: "unauthorized", 4403: "forbidden" };
const RETRY_MS = [300, 800, 1500, 3000, 5000];

export class Rpc {
  // onNotification(method, params), onFrame(direction, text, message),
  // onState("connecting" | "open" | "lost" | "refused", why): refused is tried again when the token has changed
  constructor({ onNotification, onState, onFrame }) {
    Object.assign(this, { onNotification, onState, onFrame });
    this.token = "";
    this.waiting = new Map();
    this.nextId = 1;
    this.tries = 0;
  }

  connect() {
    clearTimeout(this.timer);
    this.onState("connecting");
    const address = new URL("v1/rpc", location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    const protocols = ["voxgate", ...(this.token ? [`voxgate.token.${this.token}`] : [])]; // named, it is told by a close code why it is refused
    let socket;
    try {
      socket = this.socket = new WebSocket(address, protocols);
    } catch {
      return this.onState("refused", "unfit_token"); // the token has letters that a subprotocol cannot have
    }
    socket.onopen = async () => {
      try {
        await this.call("initialize", { clientInfo: { name: "voxgate-page", version: "1" } });
      } catch {
        return; // it is closed, and that tells why
      }
      this.send({ method: "initialized" });
      this.tries = 0;
      this.onState("open");
    };
    socket.onmessage = (event) => this.receive(event.data);
    socket.onclose = (event) => {
      if (socket !== this.socket) return;
      this.forget();
      if (event.code in REFUSED) return this.onState("refused", REFUSED[event.code]);
      this.onState("lost");
      const pause = RETRY_MS[Math.min(this.tries++, RETRY_MS.length - 1)];
      this.timer = setTimeout(() => this.connect(), pause);
    };
  }

  reconnect() {
    const old = this.socket;
    this.socket = null;
    old?.close();
    this.forget();
    this.tries = 0;
    this.connect();
  }

  // What waits for the old connection is answered by none.
  forget() {
    for (const { reject } of this.waiting.values()) reject(new RpcError({ message: "the connection was lost", data: { code: "connection_lost", retryable: true } }));
    this.waiting.clear();
  }

  get isOpen() {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  send(message) {
    const text = JSON.stringify(message);
    this.onFrame("out", text, message);
    this.socket.send(text);
  }

  call(method, params) {
    if (!this.isOpen) return Promise.reject(new RpcError({ message: "there is no connection to the gateway", data: { code: "connection_lost", retryable: true } }));
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.send({ id, method, params });
    });
  }

  receive(text) {
    const message = JSON.parse(text);
    this.onFrame("in", text, message);
    if (message.method) return this.onNotification(message.method, message.params ?? {});
    const waiting = this.waiting.get(message.id);
    if (!waiting) return;
    this.waiting.delete(message.id);
    if (message.error) waiting.reject(new RpcError(message.error));
    else waiting.resolve(message.result);
  }
}
