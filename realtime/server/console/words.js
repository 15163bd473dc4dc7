// What went wrong, in words that say what to do.

const WORDS = {
  connection_lost: "The connection to the gateway is lost. It is being made again; what was said is kept.",
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
  no_webrtc: "WebRTC did not connect, so the sound goes over the WebSocket.",
};

export function inWords(error) {
  if (error?.name === "NotAllowedError" || error?.name === "NotFoundError") return WORDS.no_microphone;
  return WORDS[error?.code] ?? `${error?.message ?? error}`;
}

export const CLOSED = {
  requested: "The call has ended.",
  elsewhere: "The call was ended, or taken over, from elsewhere. Press Talk to have it here.",
  away: "The call ended while the gateway was away. Press Talk, or type; the thread goes on.",
  abandoned: "The call ended since nobody was there.",
  overloaded: WORDS.overloaded,
  store_unavailable: WORDS.store_unavailable,
  draining: WORDS.draining,
  session_expired: WORDS.session_expired,
  transport_closed: WORDS.upstream_lost,
  error: "The call ended by an error. Press Talk to begin again; the thread goes on.",
};
