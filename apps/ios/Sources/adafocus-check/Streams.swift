// A live stream whose timestamps go wrong in every way, through a real runtime.
import Adafocus
import Foundation

private let step = 0.04
private let hour = 3600.0
private let patience = 30.0

/// Counts results; they come from another task.
private actor Counted {
    private(set) var results = 0
    private(set) var errors = 0

    func take(_ result: Result<LiveResult, Error>) {
        switch result {
        case .success: results += 1
        case .failure: errors += 1
        }
    }
}

/// Kilobytes of memory in use.
private func used() -> Int {
    let pages = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))?.split(separator: " ")
    return (pages.flatMap { Int($0[1]) } ?? 0) * 4
}

/// The moments of a disturbance, by its name.
private func moments(_ name: String, _ base: Double) -> [Double] {
    let turns = 0..<150
    switch name {
    case "every frame twice": return turns.map { turn in base + Double(turn / 2) * step }
    case "back by half a second": return turns.map { turn in base + Double(turn) * step - Double(turn % 2) / 2 }
    case "one frame an hour ahead": return [base + hour]
    case "one frame an hour before": return [base - hour]
    case "negative": return [-hour, 0]
    case "always the same": return turns.map { _ in base }
    case "no number": return [.nan, .infinity, -.infinity]
    case "the largest number": return [1e300]
    default: return turns.map { turn in base + Double(turn) * step }
    }
}

/// Disturb a stream; returns how many times it does not go on.
func disturbed(_ bundle: AdafocusBundle, _ backend: Backend) async throws -> Int {
    var options = RecognizerOptions()
    options.live.windowSeconds = 2
    let recognizer = try Recognizer(bundle, backend, options)
    let side = bundle.manifest.geometry.shortSide
    let picture = Picture(height: side, width: side * 4 / 3)
    let (frames, source) = AsyncStream.makeStream(of: Frame.self, bufferingPolicy: .bufferingNewest(4))
    let counted = Counted()
    let results = try recognizer.results(frames)
    let listening = Task { for await result in results { await counted.take(result) } }
    let add = { (seconds: Double) in
        source.yield(Frame(picture, seconds: seconds))
        try await Task.sleep(nanoseconds: 1_000_000)
    }
    let names = [
        "nothing", "every frame twice", "back by half a second", "one frame an hour ahead", "one frame an hour before",
        "negative", "always the same", "no number", "the largest number",
    ]
    var failed = 0
    var base = 0.0
    for name in names {
        for moment in moments(name, base) { try await add(moment) }
        let before = await counted.results
        let limit = Date().addingTimeInterval(patience)
        var moment = base + 150 * step
        while await counted.results == before, Date() < limit {
            try await add(moment)
            moment += step
        }
        if await counted.results == before {
            failed += 1
            print("  the stream does not go on: \(name)")
        }
        base += hour
    }
    let before = used()
    for turn in 0..<3000 { try await add(base + Double(turn) * step) }
    let more = (used() - before) / 1024
    if more > 48 { failed += 1 }
    source.finish()
    await listening.value
    let errors = await counted.errors
    print(
        "a stream goes on after \(names.count - failed) of \(names.count) disturbances, "
            + "\(await counted.results) results, \(errors) errors; 3000 frames more take \(more) MiB")
    return failed + errors
}
