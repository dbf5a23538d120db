// swift-tools-version:5.9
import PackageDescription

// Apart from the other package, so that only apps that want ExecuTorch download it.
let package = Package(
    name: "AdafocusExecuTorch",
    platforms: [.iOS(.v17), .macOS(.v14)],
    products: [
        .library(name: "AdafocusExecuTorch", targets: ["AdafocusExecuTorch"]),
    ],
    dependencies: [
        .package(name: "Adafocus", path: ".."),
        .package(url: "https://github.com/pytorch/executorch.git", branch: "swiftpm-1.5.1"),
    ],
    targets: [
        .target(
            name: "AdafocusExecuTorch",
            dependencies: [
                .product(name: "Adafocus", package: "Adafocus"),
                .product(name: "executorch", package: "executorch"),
                .product(name: "backend_xnnpack", package: "executorch"),
                .product(name: "kernels_optimized", package: "executorch"),
                .product(name: "kernels_quantized", package: "executorch"),
            ]),
    ]
)
