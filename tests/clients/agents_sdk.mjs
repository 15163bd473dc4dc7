// The published agents SDK over WebSocket. Plays one scene against the address given and prints what it saw as JSON.
// Usage: node agents_sdk.mjs WS_URL SCENE
import { OpenAIRealtimeWebSocket, RealtimeAgent, RealtimeSession, tool } from '@openai/agents-realtime';
import { z } from 'zod';
// Not exported by name; it is what the transport itself calls, and the only place that says "generic".
import { parseRealtimeEvent } from './node_modules/@openai/agents-realtime/dist/openaiRealtimeEvents.mjs';

const RATE = 24_000;
const PATIENCE_MS = 15_000;
const SPEECH = { type: 'server_vad', silenceDurationMs: 300, createResponse: true, interruptResponse: true };

const weather = tool({
  name: 'get_weather',
  description: 'The weather of a city.',
  parameters: z.object({ city: z.string() }),
  execute: async ({ city }) => `sunny in ${city}`,
});

function connectable(url, config) {
  const transport = new OpenAIRealtimeWebSocket({ url });
  const agent = new RealtimeAgent({ name: 'clerk', instructions: 'heard: good morning', tools: [weather] });
  const session = new RealtimeSession(agent, { transport, model: 'gpt-realtime', config });
  return { transport, session };
}

function watch({ transport, session }) {
  const seen = { events: [], unparsed: [], errors: [], interruptions: 0, audioBytes: 0, toolResults: [] };
  const waiters = new Set();
  transport.on('*', (event) => {
    const { isGeneric } = parseRealtimeEvent({ data: JSON.stringify(event) });
    if (isGeneric) seen.unparsed.push(event);
    seen.events.push(event);
    for (const look of waiters) look();
  });
  session.on('error', (error) => seen.errors.push(error));
  session.on('audio_interrupted', () => (seen.interruptions += 1));
  session.on('audio', (event) => (seen.audioBytes += event.data.byteLength));
  session.on('agent_tool_end', (_context, _agent, used, result) => seen.toolResults.push([used.name, result]));
  seen.until = (kind, count = 1) =>
    new Promise((resolve, reject) => {
      const patience = setTimeout(() => reject(new Error(`no ${kind} x ${count}`)), PATIENCE_MS);
      const look = () => {
        const found = seen.events.filter((event) => event.type === kind);
        if (found.length < count) return;
        clearTimeout(patience);
        waiters.delete(look);
        resolve(found[count - 1]);
      };
      waiters.add(look);
      look();
    });
  return seen;
}

function sound(ms, amplitude) {
  const samples = new Int16Array((ms * RATE) / 1000);
  for (let i = 0; i < samples.length; i += 1) {
    samples[i] = amplitude * Math.sin((2 * Math.PI * 440 * i) / RATE);
  }
  return samples.buffer;
}

function speak(session) {
  for (const piece of [sound(200, 0), sound(500, 8000), sound(500, 0)]) session.sendAudio(piece);
}

const scenes = {
  text: {
    config: { outputModalities: ['text'] },
    async play({ session }, seen) {
      session.sendMessage('hello from the agents SDK');
      await seen.until('response.done');
    },
  },
  tool: {
    config: { outputModalities: ['audio'] },
    async play({ session }, seen) {
      session.sendMessage('please call get_weather with {"city": "Oslo"}');
      await seen.until('response.done', 2);
    },
  },
  spoken: {
    config: { audio: { input: { turnDetection: SPEECH } } },
    async play({ session }, seen) {
      speak(session);
      await seen.until('response.done');
      await seen.until('conversation.item.retrieved');
    },
  },
  defaults: {
    config: {},
    async play({ session }, seen) {
      speak(session);
      session.sendAudio(sound(9_000, 0)); // semantic detection may wait up to 8 s of silence
      await seen.until('response.done');
    },
  },
  interrupted_by_voice: {
    config: { audio: { input: { turnDetection: SPEECH } } },
    async play({ session }, seen) {
      session.sendMessage('please count to twenty slowly');
      await seen.until('response.output_audio.delta');
      speak(session);
      await seen.until('conversation.item.truncated');
      await seen.until('response.done', 2);
    },
  },
  interrupted_by_app: {
    config: { audio: { input: { turnDetection: SPEECH } } },
    async play({ session }, seen) {
      session.sendMessage('please count to twenty slowly');
      await seen.until('response.output_audio.delta');
      session.interrupt();
      await seen.until('conversation.item.truncated');
      await seen.until('response.done');
      session.sendMessage('are you still there');
      await seen.until('response.done', 2);
    },
  },
  history: {
    config: { outputModalities: ['text'] },
    async play({ session }, seen) {
      for (const [index, text] of ['one', 'two', 'three'].entries()) {
        session.sendMessage(text);
        await seen.until('response.done', index + 1);
      }
      session.updateHistory((history) => history.slice(2));
      await seen.until('conversation.item.deleted', 2);
      session.sendMessage('four');
      await seen.until('response.done', 4);
    },
  },
};

const [url, name] = process.argv.slice(2);
const scene = scenes[name];
process.env.OPENAI_AGENTS_DISABLE_TRACING = "1";
const pair = connectable(url, scene.config);
const seen = watch(pair);
await pair.session.connect({ apiKey: 'sk-any' });
await scene.play(pair, seen);
const history = pair.session.history;
pair.session.close();
console.log(JSON.stringify({ ...seen, history }));
