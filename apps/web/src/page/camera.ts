/** The camera: its picture in the page, its frames to the worker. */

/** At most so often; the worker keeps what a clip needs. */
const LEAST_MS = 30;

export class Camera {
  private stream: MediaStream | null = null;
  private sent = -Infinity;

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly take: (frame: VideoFrame, timestampMs: number) => void,
  ) {}

  get on(): boolean {
    return this.stream !== null;
  }

  /** Start the camera; what is thrown is a sentence. */
  async start(ended: () => void): Promise<void> {
    if (!navigator.mediaDevices)
      throw new Error("The camera needs a page that was opened by https or on this device itself.");
    const wanted = { facingMode: "environment", width: { ideal: 640 }, height: { ideal: 480 } };
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({ video: wanted, audio: false });
    } catch (error) {
      throw new Error(refusal((error as DOMException).name), { cause: error });
    }
    this.stream.getVideoTracks()[0]!.addEventListener("ended", ended);
    this.video.srcObject = this.stream;
    await this.video.play();
    this.next();
  }

  stop(): void {
    this.stream?.getTracks().forEach((track) => track.stop());
    this.stream = null;
    this.video.srcObject = null;
  }

  private next(): void {
    const turn = (now: number): void => {
      if (!this.stream) return;
      if (now - this.sent >= LEAST_MS && this.video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) {
        this.sent = now;
        this.take(new VideoFrame(this.video, { timestamp: Math.round(1000 * now) }), now);
      }
      this.next();
    };
    if ("requestVideoFrameCallback" in this.video) this.video.requestVideoFrameCallback(turn);
    else requestAnimationFrame(turn);
  }
}

function refusal(name: string): string {
  if (name === "NotAllowedError") {
    return "The camera was refused. Allow it for this page in the browser's settings, or open a video instead.";
  }
  if (name === "NotFoundError") return "This device has no camera. Open a video instead.";
  return "The camera did not start; another program may use it. Close that, and try again.";
}
