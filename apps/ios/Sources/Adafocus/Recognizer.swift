import Foundation

private let maxThreads = 64
private let giga = 1e9
private let waitingResults = 16

/// How a recognizer is opened.
public struct RecognizerOptions: Sendable {
    /// Of the CPU.
    public var threads = 2
    /// Confidence at which each exit but the last is taken; nil: never stop early.
    public var thresholds: [Double]?
    /// Billions of multiply-accumulates that a clip takes on average, instead of thresholds.
    public var budgetGmac: Double?
    /// Of `results(_:)`.
    public var live = LiveOptions()

    public init() {}
}

/// A bundle opened in one runtime. One clip is recognized at a time, and the others wait.
public actor Recognizer {
    private let stages: Stages
    private let clips: ClipRecognizer
    private let controller: Controller?
    private var limits: [Double]?
    private let live: LiveOptions

    /// What the bundle says of its frames.
    public nonisolated let geometry: Geometry

    /// Multiply-accumulates of a clip that stops at each exit: at the glance, then at those of the focus.
    public nonisolated let exitMacs: [Int]

    /// Open the graphs of a bundle.
    ///
    /// Throws an `AdafocusError`: no graphs for the backend, a graph that it does not take, or options that contradict
    /// each other.
    public init(
        _ bundle: AdafocusBundle, _ backend: Backend, _ options: RecognizerOptions = RecognizerOptions()
    ) throws {
        if !(1...maxThreads).contains(options.threads) {
            throw AdafocusError("threads is \(options.threads), expected 1 to \(maxThreads).")
        }
        if options.thresholds != nil && options.budgetGmac != nil {
            throw AdafocusError("Found thresholds and a budget, expected one of them. Leave one out.")
        }
        let stages = try Stages(bundle, backend, threads: options.threads)
        let clips = try ClipRecognizer(bundle.manifest, stages.files) { try stages.run($0, $1) }
        try Recognizer.check(options.thresholds, clips.exitMacs)
        self.stages = stages
        self.clips = clips
        limits = options.thresholds
        live = options.live
        geometry = bundle.manifest.geometry
        exitMacs = clips.exitMacs
        controller = try options.budgetGmac.map { try Recognizer.controller($0, bundle.manifest, clips.exitMacs) }
    }

    private static func check(_ values: [Double]?, _ exitMacs: [Int]) throws {
        guard let values else { return }
        let wanted = exitMacs.count - 1
        if values.count != wanted || values.contains(where: \.isNaN) {
            throw AdafocusError(
                "Found \(values.count) thresholds, expected \(wanted) numbers, one for each exit but the last.")
        }
    }

    private static func controller(_ budget: Double, _ manifest: Manifest, _ exitMacs: [Int]) throws -> Controller {
        let low = Double(exitMacs[0]) / giga
        let high = Double(exitMacs[exitMacs.count - 1]) / giga
        if !(budget >= low && budget <= high) {
            throw AdafocusError(
                "The budget is \(budget) GMAC, but a clip costs \(low) to \(high). Choose one between them.")
        }
        let rows = manifest.exits.budgets.filter { $0.unit == "GMAC" }.map(\.row)
        let (criterion, classes) = (manifest.exits.criterion, manifest.labels.count)
        let curve: Curve = rows.isEmpty
            ? LearnedCurve(exits: exitMacs.count - 1, criterion, classes: classes)
            : CalibratedCurve(rows, low: low, high: high, criterion, classes: classes)
        return Controller(budget, low: low, high: high, curve)
    }

    /// Confidence at which each exit but the last is taken from the next clip on; nil: never stop early.
    public func setThresholds(_ values: [Double]?) throws {
        try Recognizer.check(values, exitMacs)
        limits = values
    }

    /// Recognize a clip.
    public func recognize(_ clip: Clip) throws -> Prediction {
        let found = try clips.recognize(clip, thresholds: controller?.thresholds ?? limits)
        controller?.observe(found.confidences[0], cost: Double(found.macs) / giga)
        return found
    }

    /// Recognize a whole video.
    public func recognize(video: VideoSource) throws -> Prediction { try recognize(try readClip(video, geometry)) }

    /// Recognize the last seconds of a stream, again and again, until it ends or nobody listens any more.
    ///
    /// Frames are made small at once. Give a stream with `.bufferingNewest(2)`: while a clip is recognized frames are
    /// still taken, so that none is missed. A clip that fails is an element, too, and the stream goes on.
    public nonisolated func results(_ frames: AsyncStream<Frame>) throws -> AsyncStream<Result<LiveResult, Error>> {
        let stream = try LiveStream(geometry, live)
        return AsyncStream(bufferingPolicy: .bufferingNewest(waitingResults)) { output in
            let reading = Task {
                await withTaskGroup(of: Void.self) { group in
                    for await frame in frames {
                        guard let due = await stream.add(frame) else { continue }
                        group.addTask { output.yieldAll(await self.told(due, stream)) }
                    }
                }
                output.finish()
            }
            output.onTermination = { _ in reading.cancel() }
        }
    }

    private nonisolated func told(_ due: DueClip, _ stream: LiveStream) async -> Result<LiveResult, Error>? {
        let watch = Stopwatch()
        do {
            let found = try await recognize(due.clip)
            return await stream.finish(due, found, seconds: watch.ms / 1000).map { .success($0) }
        } catch {
            _ = await stream.finish(due, nil, seconds: watch.ms / 1000)
            return .failure(error)
        }
    }
}

extension AsyncStream.Continuation {
    fileprivate func yieldAll(_ element: Element?) {
        if let element { yield(element) }
    }
}
