"""Builds and signs the sample app here, and checks it: signature, alignment, and every call of the system's classes."""

from __future__ import annotations

import re
import shutil
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

from adafocus.apps.android.tools import kotlin
from adafocus.apps.android.tools.interfaces import newer_calls
from adafocus.apps.android.tools.toolchain import CACHE, MEMORY, digest_of, fetched, run
from adafocus.edge.bundle.bundle import Bundle
from adafocus.errors import AdafocusError

APP = kotlin.ANDROID / "app"
# our own sources are compiled against the classes of API 23; ONNX Runtime names some that are newer
MIN_SDK, TARGET_SDK = 26, 35
ALIGNMENT = 16384
ASSET = "bundle.zip"
NAME, VERSION = "adafocus.app", "0.1.0"
ABIS = ("arm64-v8a", "armeabi-v7a", "x86_64")
# for a first try; whoever publishes an app signs it with a key of their own
KEY_WORDS = ("-storepass", "android", "-keypass", "android", "-alias", "android")


# packages and classes of Java, by the API with which they came
SINCE = {
    "java/util/Optional": 24,
    "java/util/function/": 24,
    "java/util/stream/": 24,
    "java/util/Arrays.stream(": 24,
    "java/util/Set.stream(": 24,
    "java/lang/Integer.hashCode(I": 24,
    "android/net/ConnectivityManager.registerDefaultNetworkCallback(": 24,
    "java/nio/file/": 26,
}


def android() -> Path:
    """Return the classes and resources of Android 6, API 23."""
    return fetched("android", "android-23.jar")


def _stubs() -> Path:
    """Compile what is called of libraries that no registry has here."""
    sources = sorted((kotlin.ANDROID / "stubs").rglob("*.java"))
    target = CACHE / "build" / f"stubs-{digest_of(sources)}.jar"
    if target.exists():
        return target
    with TemporaryDirectory() as place:
        run("javac", "-nowarn", "--release", "8", "-d", place, *sources)
        run("jar", "cf", target, "-C", place, ".")
    return target


def _onnxruntime() -> tuple[Path, list[tuple[str, bytes]]]:
    """Return the classes of ONNX Runtime, and its libraries by their places in an app."""
    with zipfile.ZipFile(fetched("onnxruntime", "onnxruntime.aar")) as archive:
        jar = CACHE / "build" / "onnxruntime.jar"
        jar.write_bytes(archive.read("classes.jar"))
        names = [name for name in archive.namelist() if name.endswith(".so") and name.split("/")[1] in ABIS]
        return jar, [(name.replace("jni/", "lib/", 1), archive.read(name)) for name in names]


def jars(onnxruntime: Path) -> list[Path]:
    """Compile core, library and app against the classes of Android alone: what is newer cannot be called."""
    system = android()
    core = kotlin.compiled("android-core", [kotlin.CORE], android=system)
    sources = [kotlin.ANDROID / "library" / "src"]
    library = kotlin.compiled("library", sources, [core, _stubs(), onnxruntime], android=system)
    app = kotlin.compiled("app", [APP / "src"], [core, library], android=system)
    return [core, library, app]


def build(bundle: Path | None, out: Path) -> None:
    """Build, sign and check an app.

    Args:
        bundle: a zip with graphs for ONNX Runtime, the one runtime that a registry has for Android; None: no bundle.
        out: where to write it.

    Raises:
        AdafocusError: a step failed, or a check does not hold.
    """
    if bundle is not None:
        with Bundle.open(bundle) as opened:
            if not bundle.is_file() or "onnx" not in opened.runtimes():
                raise AdafocusError(
                    f"{bundle} holds graphs for {', '.join(opened.runtimes())}, expected a zip for onnx, the runtime "
                    "that is packed here: adafocus export MODEL --to onnx --out bundle.zip --verify VIDEO"
                )
    (CACHE / "build").mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder:
        place = Path(folder)
        onnxruntime, libraries = _onnxruntime()
        compiled = [*jars(onnxruntime), onnxruntime, kotlin.stdlib()]
        print("shrinking", flush=True)
        shrink = ("com.android.tools.r8.R8", "--release", "--min-api", str(MIN_SDK), "--lib", android())
        run(
            "java",
            MEMORY,
            "-cp",
            fetched("r8", "r8.jar"),
            *shrink,
            "--pg-conf",
            APP / "keep.pro",
            "--output",
            place,
            *compiled,
        )
        (place / "assets").mkdir()
        if bundle is not None:
            shutil.copyfile(bundle, place / "assets" / ASSET)
        print("packing", flush=True)
        run("aapt2", "compile", "--dir", APP / "res", "-o", place / "res.zip")
        # Gradle takes the name from its own file, aapt2 from the manifest
        manifest = (APP / "AndroidManifest.xml").read_text(encoding="utf-8")
        (place / "AndroidManifest.xml").write_text(manifest.replace("<manifest ", f'<manifest package="{NAME}" ', 1))
        link = ("aapt2", "link", "-I", android(), "--manifest", place / "AndroidManifest.xml", "-A", place / "assets")
        sdk = ("--min-sdk-version", str(MIN_SDK), "--target-sdk-version", str(TARGET_SDK), "--version-code", "1")
        run(*link, "-0", ".zip", *sdk, "--version-name", VERSION, "-o", place / "plain.apk", place / "res.zip")
        with zipfile.ZipFile(place / "plain.apk", "a") as archive:
            archive.write(place / "classes.dex", "classes.dex", zipfile.ZIP_DEFLATED)
            for name, content in libraries:
                archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_STORED)
        run("zipalign", "-f", str(ALIGNMENT), place / "plain.apk", place / "aligned.apk")
        out.parent.mkdir(parents=True, exist_ok=True)
        sign = ("apksigner", "sign", "--ks", _key(), "--ks-pass", "pass:android", "--min-sdk-version", str(MIN_SDK))
        run(*sign, "--out", out, place / "aligned.apk")
        check(out)


def _key() -> Path:
    """Return a key to sign with, made here once."""
    key = CACHE / "build" / "key.jks"
    if not key.exists():
        made = ("-genkeypair", "-keyalg", "RSA", "-keysize", "2048", "-validity", "10000", "-dname", "CN=adafocus")
        run("keytool", *made, "-keystore", key, *KEY_WORDS)
    return key


def check(app: Path) -> None:
    """Check a signed app, and say what was found.

    Raises:
        AdafocusError: the signature or the alignment does not hold, the bundle is compressed, or something newer than
            the oldest Android that the app runs on is called.
    """
    print(run("apksigner", "verify", "--verbose", "--min-sdk-version", str(MIN_SDK), app).splitlines()[0])
    badging = run("aapt2", "dump", "badging", app)
    print(
        "\n".join(
            line
            for line in badging.splitlines()
            if re.match("package:|(min)?sdkVersion|targetSdk|launchable", line, re.I)
        )
    )
    with zipfile.ZipFile(app) as archive, app.open("rb") as file:
        stored = [info for info in archive.infolist() if info.compress_type == zipfile.ZIP_STORED and info.file_size]
        for info in stored:
            file.seek(info.header_offset + 26)
            name, extra = (int.from_bytes(file.read(2), "little") for _ in range(2))
            if (info.header_offset + 30 + name + extra) % ALIGNMENT and not info.filename.startswith("META-INF/"):
                raise AdafocusError(f"{info.filename} does not begin on a boundary of {ALIGNMENT} bytes.")
        names = {info.filename for info in stored}
        packed = f"assets/{ASSET}"
        if packed in archive.namelist() and packed not in names:
            raise AdafocusError(f"{packed} is compressed, expected a stored one that can be mapped.")
        native = sum(name.endswith(".so") for name in names)
        classes = archive.read("classes.dex")
    print(f"{len(stored)} stored members begin on {ALIGNMENT} bytes, {native} of them libraries")
    count, newer = newer_calls(classes, android())
    known = tuple(name for name, since in SINCE.items() if since <= MIN_SDK)
    too_new = sorted(name for name in newer if not name.startswith(known))
    if too_new:
        raise AdafocusError(f"The app calls what API {MIN_SDK} does not have: {', '.join(too_new[:10])}.")
    print(
        f"{count} methods and fields of the system are used, {count - len(newer)} there since API 23, {len(newer)} "
        f"since {MIN_SDK} at the latest"
    )
    print(f"wrote {app}, {app.stat().st_size / 1e6:.1f} MB")
