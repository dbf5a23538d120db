/// Red, green, blue.
public let channels = 3

/// A picture: three bytes a pixel, row by row.
public struct Picture: Equatable, Sendable {
    public let height: Int
    public let width: Int
    public var data: [UInt8]

    /// Make a picture of bytes; a black one where none are given.
    public init(height: Int, width: Int, data: [UInt8]? = nil) {
        let given = data ?? [UInt8](repeating: 0, count: height * width * channels)
        precondition(given.count == height * width * channels, "a picture has three bytes a pixel")
        self.height = height
        self.width = width
        self.data = given
    }

    /// Copy a part.
    public func part(_ top: Int, _ left: Int, _ height: Int, _ width: Int) -> Picture {
        if top == 0 && left == 0 && height == self.height && width == self.width { return self }
        var found = [UInt8]()
        found.reserveCapacity(height * width * channels)
        for y in 0..<height {
            let begin = ((top + y) * self.width + left) * channels
            found += data[begin..<begin + width * channels]
        }
        return Picture(height: height, width: width, data: found)
    }

    /// Copy this picture into another one.
    public func put(into other: inout Picture, _ top: Int, _ left: Int) {
        let line = width * channels
        for y in 0..<height {
            let begin = ((top + y) * other.width + left) * channels
            other.data.replaceSubrange(begin..<begin + line, with: data[y * line..<(y + 1) * line])
        }
    }
}

/// Height and width in pixels.
public struct Size: Equatable, Sendable {
    public let height: Int
    public let width: Int

    public init(height: Int, width: Int) {
        self.height = height
        self.width = width
    }

    public var short: Int { min(height, width) }
}
