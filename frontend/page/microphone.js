// The person's voice: AudioWorklet capture, down to 16 kHz PCM16 frames. Each start is a new Capture object.

import { Downsampler, Framer } from './pcm.js';

const WORDS = {
  NotAllowedError: 'The browser does not let this page use the microphone. Allow it in the address bar, or type.',
  NotFoundError: 'No microphone was found. Plug one in, or type.',
  NotReadableError: 'Another program is using the microphone. Close it there, or type.',
  InsecureContext: 'Microphones work only on a secure page (https, or localhost). You can still type.',
};

/** Why the microphone could not be opened, in words for the person. */
export function explainMicrophoneError(error) {
  return WORDS[error?.name] ?? 'The microphone could not be started. You can still type.';
}

/** Opens the microphone; `onFrame(Int16Array)` gets frames until stop(). Rejects with a DOMException. */
export async function openMicrophone(onFrame) {
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new DOMException('no mediaDevices', 'InsecureContext');
  }
  const stream = await navigator.mediaDevices.getUserMedia({
    audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true },
  });
  const context = new AudioContext();
  try {
    await context.audioWorklet.addModule(new URL('./microphone-worklet.js', import.meta.url));
    return new Capture(stream, context, onFrame);
  } catch (error) {
    stop(stream, context);
    throw error;
  }
}

class Capture {
  #stream;
  #context;
  #tap;
  #framer = new Framer();
  #onFrame;

  constructor(stream, context, onFrame) {
    this.#stream = stream;
    this.#context = context;
    this.#onFrame = onFrame;
    const downsampler = new Downsampler(context.sampleRate);
    this.#tap = new AudioWorkletNode(context, 'microphone-tap', { numberOfOutputs: 0 });
    this.#tap.port.onmessage = ({ data }) => this.#framer.push(downsampler.push(data)).forEach(onFrame);
    context.createMediaStreamSource(stream).connect(this.#tap);
  }

  /** `ended()` is called if the device goes away by itself. */
  whenLost(ended) {
    this.#stream.getAudioTracks()[0].onended = ended;
  }

  /** Releases the device and sends the samples that did not fill a frame. */
  stop() {
    this.#tap.port.onmessage = null;
    const rest = this.#framer.flush();
    if (rest) {
      this.#onFrame(rest);
    }
    stop(this.#stream, this.#context);
  }
}

function stop(stream, context) {
  for (const track of stream.getTracks()) {
    track.stop();
  }
  context.close();
}
