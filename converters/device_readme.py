"""The README that a bundle carries for the team whose app loads it: its files, and how to know that it runs."""

from __future__ import annotations

from adafocus.edge.bundle.manifest import Manifest

WEB = """## What to do with it

1. Take a checkout of adafocus-edge and Node 22 or later; 20.19 does too.
2. Write the page: `make web BUNDLE=path/of/this/bundle`. The folder `build/web` is all that a server needs.
3. Look at it: `node apps/web/build/scripts/serve.js build/web`, and open the address that it prints.
4. Copy the folder to any server that speaks https. Ready pages also take this bundle as a zip: drop it on the page.

## How to know that it runs

The page runs the golden clip when it starts and says `passed`. Then this browser computes the same integers as the
device, in every tensor that a stage gives. `docs/web.md` says what else is checked, and what to do where it fails.

## What is needed

A browser with WebAssembly SIMD and WebCodecs. Tried: Chromium 150, and Firefox 153 for the golden clip, headless, on
Linux and x86-64. Not tried: Safari, Android, iOS, ARM. Nobody has measured a phone; the page shows its own times.
`results/web.yaml` has what was measured.
"""
ANDROID = """## What to do with it

1. Take `apps/android` of a checkout of adafocus-edge into your project: the modules `core` and `library`. `app` is a
   sample.
2. Export with `--out bundle.zip`, and copy that file to `app/src/main/assets/` (of the sample: `app/assets/`). It is
   used as it is: do not unpack it, and do not let Gradle compress it: `androidResources.noCompress += "zip"`.
3. Add one runtime, in the version of `apps/android/gradle/libs.versions.toml`: LiteRT
   (`com.google.ai.edge.litert:litert`) for the `.tflite` files, or ExecuTorch (`org.pytorch:executorch-android`) for
   the `.pte` files. A bundle may hold both; an app needs one.
4. Note the file's SHA-256 (`sha256sum bundle.zip`). `./gradlew :app:assembleDebug -Psha256=...` refuses another file.

```kotlin
val bundle = openAsset(context, "bundle.zip")
val recognizer = Recognizer.createFromOptions(RecognizerOptions(bundle, backendFor(context, bundle)))
```

`docs/android.md` goes on from here: camera, video files, early stops, budgets.

## How to know that it runs

`SelfTest(bundle, "litert").run(recognizer::recognize)` runs the golden clip of the bundle. `report.passed` says whether
every tensor is as it must be: the integers of the runtime that made them exactly, those of another one within one step.
The label must be `label` of `golden` in `manifest.json`. The sample app has a screen for it. Run it once on every kind
of phone that you support.

## What is needed

Android 8.0 (API 26) or later, and memory for the graphs and one clip.

Measured: the graphs gave on this machine what the trained network gives, on the clips of `--verify`. The Kotlin sources
gave on Java, with LiteRT and ExecuTorch of x86-64 Linux, the very same integers as Python. Not measured: anything on a
phone. Nobody has timed one; the sample app has a screen that does.
"""
IOS = """## What to do with it

`adafocus export MODEL --device ios --out bundle.zip` writes two bundles; an app needs one of them.

| bundle | graphs |
| --- | --- |
| `bundle.zip` | int8, for Core ML and for ExecuTorch |
| `bundle-fp16.zip` | fp16, for Core ML |

Core ML computes int8 programs in float32 between their quantizations. In fp16 it may be faster; answers are near
those of the trained network, not equal. Measure both with the sample on your phones, and ship one.

1. Take `apps/ios` of a checkout of adafocus-edge into your project: *File, Add Package Dependencies, Add Local*. Link
   `Adafocus`, `AdafocusCoreML` and `AdafocusVideo`. `AdafocusScreens` is a sample of screens.
2. Add the zip to the app's target as `bundle.zip`, a file of the app. It is used as it is: do not unpack it.
3. For ExecuTorch in place of Core ML link `AdafocusExecuTorch` of `apps/ios/ExecuTorch` too, with the linker flag
   `-all_load`.
4. Note the file's SHA-256 (`shasum -a 256 bundle.zip`), and check it where your project is built.

```swift
let bundle = try AdafocusBundle(path: Bundle.main.url(forResource: "bundle", withExtension: "zip")!.path)
let recognizer = try Recognizer(bundle, CoreMlBackend())
```

The first start compiles the packages of Core ML, once for each graph, and keeps them in the app's caches by their
SHA-256. `docs/ios.md` goes on from here: camera, video files, early stops, budgets.

## How to know that it runs

`SelfTest(bundle, runtime: "coreml")` runs the golden clip of the bundle: `clip()` reads it, and `compare(_:)` says for
the prediction whether every tensor is as it must be: integers of the runtime that made them exactly, those of another
one within one step, floats within 1e-4 of the largest value for int8 and 2e-2 for fp16. The label must be `label` of
`golden` in `manifest.json`. The sample has a screen for it. Run it once on every kind of phone that you support.

## What is needed

iOS 17 or macOS 14, and memory for the graphs and one clip.

Measured: the graphs for ExecuTorch, where this bundle has some, gave on this machine what the trained network gives, on
the clips of `--verify`. Those for Core ML gave it in an evaluator of their programs, since Core ML runs on Apple's
systems only. The Swift sources gave on Linux, with LiteRT, the very same integers as Python. Not measured: anything on
a Mac or a phone, neither that Core ML passes the self-test nor a time. The sample has a screen that measures times.
"""
# kinds of devices whose apps have something to say; the others take a bundle by its path
NOTES: dict[str, tuple[str, str]] = {
    "android": ("an app on Android", ANDROID),
    "ios": ("an app on iOS", IOS),
    "web": ("a page in a browser", WEB),
}


def readme_of(device: str, manifest: Manifest) -> str | None:
    """Return the README of a bundle for a kind of device, in Markdown; None where that has none.

    Args:
        device: as it is named after ``--device``.
        manifest: of the bundle, with the files as they are.
    """
    if device not in NOTES:
        return None
    kind, notes = NOTES[device]
    rows = [f"| `{record.file}` | {record.bytes} | `{record.sha256}` |" for record in manifest.files()]
    lines = (
        f"# {manifest.name} for {kind}",
        "",
        f"A bundle of {len(manifest.labels)} labels. `manifest.json` says what everything is; whoever loads the bundle",
        "checks each file against it.",
        "",
        "| file | bytes | SHA-256 |",
        "| --- | ---: | --- |",
        *rows,
        "",
        notes,
    )
    return "\n".join(lines)
