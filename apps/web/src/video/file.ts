/** Video files: which frames there are, and those that a clip needs, decoded by the browser. */

import {
  BlobSource,
  EncodedPacketSink,
  Input,
  MATROSKA,
  MP4,
  QTFF,
  WEBM,
  type EncodedPacket,
  type InputVideoTrack,
} from "mediabunny";

import { AdafocusError } from "../core/errors.js";
import { rateOf, timelineOf, type Timeline } from "../core/sampling.js";
import { planesOf, type Colors, type Planes, type Turn } from "./planes.js";

/** So many packets may wait for the decoder. */
const MAX_QUEUE = 16;
const MAX_PACKETS = 1_000_000;
/** Pixels that are so little off are squares; what is stretched by more is nonsense. */
const SQUARE_WITHIN = 0.02;
const MOST_STRETCHED = 8;
const TRY = "Convert it: ffmpeg -i VIDEO -c:v libx264 -pix_fmt yuv420p out.mp4";

/** Frames to be decoded in one go: from a key frame to the last that is needed of those after it. */
interface Stretch {
  first: number;
  last: number;
}

/** A video file that was looked through; nothing is decoded before a frame is asked for. */
export class VideoFile {
  readonly warnings: string[] = [];

  private constructor(
    readonly name: string,
    readonly timeline: Timeline,
    private readonly input: Input,
    private readonly sink: EncodedPacketSink,
    private readonly packets: readonly EncodedPacket[],
    /** The place of each packet's frame in the order in which they are shown. */
    private readonly numbers: Int32Array,
    private readonly config: VideoDecoderConfig,
    private readonly colors: Colors,
    private readonly turn: Turn,
  ) {}

  get fps(): number {
    return rateOf(this.timeline, 0);
  }

  /** When each frame appears; null where the rate is constant. */
  get edges(): readonly number[] | null {
    return this.timeline.varies ? this.timeline.edges : null;
  }

  /** Look through a file. */
  static async open(file: Blob, name: string): Promise<VideoFile> {
    if (file.size === 0) throw new AdafocusError(`${name} is empty (0 bytes), expected a video file.`);
    const input = new Input({ source: new BlobSource(file), formats: [MP4, QTFF, MATROSKA, WEBM] });
    try {
      const track = await trackOf(input, name);
      const config = await configOf(track, name);
      const sink = new EncodedPacketSink(track);
      const packets: EncodedPacket[] = [];
      for await (const packet of sink.packets(undefined, undefined, { metadataOnly: true })) {
        if (packet.byteLength) packets.push(packet);
        if (packets.length > MAX_PACKETS) throw new AdafocusError(`${name} has more than ${MAX_PACKETS} frames.`);
      }
      if (!packets.length) throw new AdafocusError(`${name} has no frames, expected at least one.`);
      const unit = 1 / (await track.getTimeResolution());
      const pts = packets.map((packet) => Math.round(packet.timestamp / unit));
      const timeline = timelineOf({
        container: "",
        timeBase: unit,
        pts,
        // packets come in decoding order, and the demuxer has put the clocks right
        dts: packets.map((_, place) => place),
        durations: packets.map((packet) => Math.round(packet.duration / unit)),
      });
      const numbers = new Int32Array(packets.length);
      const order = pts.map((_, place) => place).sort((one, other) => pts[one]! - pts[other]! || one - other);
      order.forEach((place, number) => (numbers[place] = number));
      const turn: Turn = {
        aspect: await aspectOf(track),
        degrees: await track.getRotation(),
        mirrored: await track.getFlip(),
      };
      const video = new VideoFile(name, timeline, input, sink, packets, numbers, config, await colorsOf(track), turn);
      if (turn.aspect !== 1) {
        video.warnings.push(
          `The pixels of ${name} are not square; they are stretched, a little differently than elsewhere.`,
        );
      }
      return video;
    } catch (error) {
      input.dispose();
      throw sentenceOf(error, name);
    }
  }

  /** Decode frames; `keep` is given each of them once. */
  async read(wanted: ReadonlySet<number>, keep: (number: number, planes: Planes) => void): Promise<void> {
    const copies = new Map<number, Promise<void>>();
    let failure: unknown = null;
    const decoder = new VideoDecoder({
      output: (frame) => {
        const number = frame.timestamp;
        if (!wanted.has(number) || copies.has(number)) return frame.close();
        copies.set(
          number,
          planesOf(frame, this.colors, this.turn).then((planes) => keep(number, planes)),
        );
      },
      error: (error) => (failure = error),
    });
    try {
      for (const stretch of this.stretches(wanted)) {
        decoder.configure(this.config);
        await this.feed(decoder, stretch, () => failure !== null);
        await decoder.flush();
      }
    } catch (error) {
      failure ??= error;
    } finally {
      if (decoder.state !== "closed") decoder.close();
      this.input.dispose();
    }
    await Promise.all(copies.values());
    const missing = wanted.size - copies.size;
    if (failure !== null || missing > 0) {
      throw new AdafocusError(
        `${this.name} is damaged: ${missing} of ${wanted.size} frames that are needed cannot be decoded. Copy or record it again.`,
      );
    }
  }

  private async feed(decoder: VideoDecoder, { first, last }: Stretch, failed: () => boolean): Promise<void> {
    let place = first;
    const start = await this.sink.getKeyPacket(this.packets[first]!.timestamp);
    if (!start) return;
    for await (const packet of this.sink.packets(start)) {
      if (!packet.byteLength) continue;
      while (decoder.decodeQueueSize > MAX_QUEUE && !failed()) await dequeued(decoder);
      if (failed()) return;
      const timestamp = this.numbers[place]!;
      decoder.decode(new EncodedVideoChunk({ type: packet.type, timestamp, data: packet.data }));
      if (place === last) return;
      place += 1;
    }
  }

  /** For every key frame that leads to a wanted one, what must be decoded. */
  private stretches(wanted: ReadonlySet<number>): Stretch[] {
    const found: Stretch[] = [];
    const keys: number[] = [];
    this.packets.forEach((packet, place) => {
      if (packet.type === "key") keys.push(place);
      if (!wanted.has(this.numbers[place]!)) return;
      // what is shown before a key frame needs the one before that
      const first = keys.findLast((key) => this.numbers[key]! <= this.numbers[place]!) ?? 0;
      const latest = found[found.length - 1];
      if (latest && latest.first >= first) Object.assign(latest, { first, last: place });
      else found.push({ first, last: place });
    });
    return found;
  }
}

function dequeued(decoder: VideoDecoder): Promise<void> {
  return new Promise((resolve) => {
    decoder.addEventListener("dequeue", () => resolve(), { once: true });
    // an error ends the queue without an event
    setTimeout(resolve, 250);
  });
}

async function trackOf(input: Input, name: string): Promise<InputVideoTrack> {
  if (!(await input.canRead())) {
    throw new AdafocusError(`${name} is no video that a browser can open, such as MP4, MOV, WebM or MKV. ${TRY}`);
  }
  const track = await input.getPrimaryVideoTrack();
  if (!track) throw new AdafocusError(`${name} holds no video, expected at least one picture track.`);
  return track;
}

async function configOf(track: InputVideoTrack, name: string): Promise<VideoDecoderConfig> {
  if (typeof VideoDecoder === "undefined") {
    throw new AdafocusError("This browser cannot decode videos by itself (WebCodecs). Use a newer one.");
  }
  const config = await track.getDecoderConfig();
  const supported = config && (await VideoDecoder.isConfigSupported(config).catch(() => null))?.supported;
  if (!config || !supported) {
    const codec = (await track.getCodec()) ?? "a codec that is not known";
    throw new AdafocusError(`${name} is encoded with ${codec}, which this browser cannot decode. ${TRY}`);
  }
  return config;
}

/** What the file itself says of its colors; where it says nothing, the device takes BT.601 in limited range. */
async function colorsOf(track: InputVideoTrack): Promise<Colors> {
  const { matrix, fullRange } = await track.getColorSpace();
  return { matrix: matrix === "bt709" ? "bt709" : "bt601", fullRange: fullRange ?? false };
}

async function aspectOf(track: InputVideoTrack): Promise<number> {
  const { num, den } = await track.getPixelAspectRatio();
  const aspect = num / den;
  const sensible = aspect >= 1 / MOST_STRETCHED && aspect <= MOST_STRETCHED;
  return sensible && Math.abs(aspect - 1) > SQUARE_WITHIN ? aspect : 1;
}

function sentenceOf(error: unknown, name: string): AdafocusError {
  if (error instanceof AdafocusError) return error;
  return new AdafocusError(`${name} cannot be read as a video; it may be damaged or cut off. Copy or record it again.`);
}
