// A stand-in for QuartzCore on Linux: types only.
import Foundation

open class CALayer {
    public init() {}
}
