// How things stand and what went wrong, in words that say what to do.

export const WORDS = {
  ready: "Ready. Talk, or type below.",
  no_call: "No call runs on this thread. Press Talk, or type, to go on with it.",
  call_elsewhere: "A call runs on this thread: another page has it, or this one had it before it was loaded anew. Press Talk to have it here.",
  connection_lost: "The connection to the gateway is lost. This page tries to make it again.",
  unauthorized: "This gateway wants an access token. Put it in under Settings.",
  wrong_token: "The gateway does not know this access token.",
  unfit_token: "A browser cannot send this access token: it may have letters, digits and !#$%&'*+-.^_`|~ alone.",
  forbidden: "The gateway does not accept this page's address. Open it by the address that the gateway printed, or add this one to server.allowed_origins.",
  overloaded: "The gateway has no room for another voice call right now. Type instead (answer by text only), or try again in a while.",
  upstream_refused: "The voice model refused the call. Check its address and key under Settings.",
  upstream_lost: "The voice model cannot be reached any more. Press Talk to begin again; the thread goes on.",
  session_expired: "The voice model ended the session. Press Talk to begin again; the thread goes on.",
  store_unavailable: "The gateway cannot store what is said (disk or database), so it ended the call. Check its log.",
  response_timeout: "No answer came from the voice model. The call goes on: ask again.",
  draining: "The gateway is being shut down. It will be back at the same address.",
  session_not_found: "No call is running. Press Talk, or type.",
  thread_not_found: "This thread is gone. Begin a new one.",
  no_microphone: "The browser gives no microphone. Allow it in the address bar, or choose “none, I type”.",
  insecure_page: "Browsers give the microphone only to pages that came by https, or from 127.0.0.1 or localhost. Type, or open the page so.",
  lost_in_call: "The connection to the gateway is lost, and the call may have ended with it. This page tries to make it again.",
  unknown_thread: "The gateway does not have the thread that this address names. This is a new one.",
  no_webrtc: "WebRTC did not connect, so the sound goes over the WebSocket.",
};

const SAID_BY_OTHERS = ["upstream_refused", "upstream_lost", "overloaded", "store_unavailable"]; // why, only the gateway knows

export function inWords(error) {
  if (error?.name === "NotAllowedError" || error?.name === "NotFoundError") return WORDS.no_microphone;
  const words = WORDS[error?.code];
  if (words && error.message && SAID_BY_OTHERS.includes(error.code)) return `${words} The gateway says: ${error.message.replace(/\.$/, "")}.`;
  return words ?? `${error?.message ?? error}`;
}

export const CLOSED = {
  requested: "The call has ended.",
  elsewhere: "The call was ended, or taken over, from elsewhere. Press Talk to have it here.",
  away: "The call ended while the gateway was away. Press Talk, or type; the thread goes on.",
  before: "The call on this thread has ended. Press Talk, or type, to go on.",
  abandoned: "The call ended since nobody was there.",
  overloaded: WORDS.overloaded,
  store_unavailable: WORDS.store_unavailable,
  draining: WORDS.draining,
  session_expired: WORDS.session_expired,
  transport_closed: WORDS.upstream_lost,
  error: "The call ended by an error. Press Talk to begin again; the thread goes on.",
};
