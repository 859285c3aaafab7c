// The tab Live: a microphone or a file goes up the socket /v1/stream, and the
// fragments of an mp4 file that come down are shown as they come.

const RATE = 48000;  // samples a second, both ways
const PIECE = RATE / 50;  // samples of a microphone in a message
const MOST = 1 << 17;  // samples of a file in a message
const BEHIND = 0.6;  // seconds that the picture may be behind what has come
const KEPT = 20;  // seconds of what was seen

const part = name => element.querySelector(`[data-part="${name}"]`);
const texts = TEXTS[navigator.language.slice(0, 2)] ?? TEXTS.en;
for (const each of element.querySelectorAll('[data-text]')) {
  each.textContent = texts[each.dataset.text];
}
part('emotion').append(...EMOTIONS.map(name => new Option(name, name)));
part('token_row').hidden = !HAS_TOKENS;
part('source').addEventListener('change', () => {
  part('sound_row').hidden = part('source').value !== 'file';
});

let stream = null;

function say(text) {
  part('state').value = text;
}

function enable(isRunning) {
  part('start').disabled = isRunning;
  part('hush').disabled = part('stop').disabled = !isRunning;
}

async function upload(file, token) {
  const form = new FormData();
  form.append('file', file);
  const headers = token ? {Authorization: `Bearer ${token}`} : {};
  const answer = await fetch(
    '/v1/uploads', {method: 'POST', body: form, headers});
  const found = await answer.json();
  if (!answer.ok) throw new Error(found.error.message);
  return found.id;
}

// Shows fragments; what has come is waiting until the buffer takes it.
class Screen {
  constructor(video, mime) {
    this.video = video;
    this.waiting = [];
    this.ended = false;
    this.media = new MediaSource();
    this.url = URL.createObjectURL(this.media);
    video.src = this.url;
    this.media.addEventListener('sourceopen', () => {
      this.buffer = this.media.addSourceBuffer(mime);
      this.buffer.addEventListener('updateend', () => this.next());
      this.next();
    }, {once: true});
    video.play().catch(() => { video.controls = true; });
  }

  add(bytes) {
    this.waiting.push(bytes);
    this.next();
  }

  end() {
    this.ended = true;
    this.next();
  }

  next() {
    const {buffer, video, waiting, media} = this;
    if (!buffer || buffer.updating || media.readyState !== 'open') return;
    if (waiting.length) {
      buffer.appendBuffer(waiting.shift());
      return;
    }
    if (this.ended) {
      media.endOfStream();
      return;
    }
    const shown = video.buffered;
    if (!shown.length) return;
    const last = shown.end(shown.length - 1);
    if (last - video.currentTime > BEHIND) video.currentTime = last - 0.1;
    if (video.currentTime - shown.start(0) > 2 * KEPT) {
      buffer.remove(0, video.currentTime - KEPT);
    }
  }
}

function sixteenBits(samples) {
  const result = new Int16Array(samples.length);
  for (let i = 0; i < samples.length; i++) {
    result[i] = Math.max(-1, Math.min(1, samples[i])) * 32767;
  }
  return result.buffer;
}

const WORKLET = `registerProcessor('pieces', class extends AudioWorkletProcessor {
  constructor() { super(); this.piece = []; }
  process([[samples]]) {
    if (samples) this.piece.push(...samples);
    if (this.piece.length >= ${PIECE}) {
      this.port.postMessage(Float32Array.from(this.piece));
      this.piece = [];
    }
    return true;
  }
});`;

async function listen(which) {
  const {context} = which;
  const microphone = await navigator.mediaDevices.getUserMedia({audio: true});
  const url = URL.createObjectURL(
    new Blob([WORKLET], {type: 'text/javascript'}));
  await context.audioWorklet.addModule(url);
  URL.revokeObjectURL(url);
  const node = new AudioWorkletNode(
    context, 'pieces', {channelCount: 1, channelCountMode: 'explicit'});
  node.port.onmessage = ({data}) => send(which, sixteenBits(data));
  context.createMediaStreamSource(microphone).connect(node);
  return () => microphone.getTracks().forEach(track => track.stop());
}

async function recite(which, file) {
  const {context} = which;
  const sound = await context.decodeAudioData(await file.arrayBuffer());
  const mono = new Float32Array(sound.length);
  for (let c = 0; c < sound.numberOfChannels; c++) {
    sound.getChannelData(c).forEach((value, i) => {
      mono[i] += value / sound.numberOfChannels;
    });
  }
  for (let at = 0; at < mono.length; at += MOST) {
    send(which, sixteenBits(mono.subarray(at, at + MOST)));
  }
  end(which);
}

async function start() {
  const image = part('image').files[0], sound = part('sound').files[0];
  const isFile = part('source').value === 'file';
  if (!part('consent').checked) return say(texts.need_consent);
  if (!image || (isFile && !sound)) return say(texts.need_file);
  enable(true);
  say(texts.preparing);
  const context = new AudioContext({sampleRate: RATE});
  const mine = stream = {context, closers: [() => context.close()]};
  try {
    const token = part('token').value;
    const id = await upload(image, token);
    const url = location.origin.replace('http', 'ws') + '/v1/stream';
    const socket = new WebSocket(url, token ? [`token.${token}`] : []);
    mine.socket = socket;
    mine.closers.push(() => socket.close());
    socket.binaryType = 'arraybuffer';
    const emotion = part('emotion').value;
    socket.onopen = () => socket.send(JSON.stringify({
      image: id, sample_rate: RATE, format: 'mp4', consent: true,
      look_ahead: Number(part('look_ahead').value),
      options: emotion ? {emotion} : {},
    }));
    socket.onclose = () => finish(mine, '');
    socket.onmessage = async ({data}) => {
      try {
        if (typeof data !== 'string') {
          mine.screen.add(data);
          return;
        }
        const message = JSON.parse(data);
        if (message.error) finish(mine, message.error.message);
        if (message.type === 'done') {
          mine.screen.end();
          finish(mine, texts.done);
        }
        if (message.type !== 'ready') return;
        mine.screen = new Screen(part('video'), message.mime);
        say(texts.speaking);
        if (isFile) await recite(mine, sound);
        else mine.closers.push(await listen(mine));
      } catch (error) {
        finish(mine, error.message);
      }
    };
  } catch (error) {
    finish(mine, error.message);
  }
}

function finish(which, text) {
  if (stream !== which) return;
  stream = null;
  which.closers.forEach(close => close());
  enable(false);
  if (text || part('state').value === texts.preparing) say(text || texts.lost);
}

// Nothing may follow the end of a stream.
function send(which, message) {
  const {socket, isEnded} = which;
  if (!isEnded && socket?.readyState === WebSocket.OPEN) socket.send(message);
}

function end(which) {
  send(which, '{"type": "end"}');
  which.isEnded = true;
}

part('start').addEventListener('click', start);
part('hush').addEventListener('click', () => {
  if (stream) send(stream, '{"type": "interrupt"}');
});
part('stop').addEventListener('click', () => {
  if (stream?.screen && !stream.isEnded) end(stream);
  else if (stream) finish(stream, texts.done);
});
