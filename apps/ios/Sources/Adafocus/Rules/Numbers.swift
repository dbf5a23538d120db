// Rounding, and reading between numbers, as the device does it.
import Foundation

/// The nearest whole number; halves go to the even one.
public func nearest(_ value: Double) -> Double { value.rounded(.toNearestOrEven) }

/// The nearest whole number; halves go to the even one. What is too large for a number of pixels is cut.
public func nearestInt(_ value: Double) -> Int {
    let found = value.rounded(.toNearestOrEven)
    return found.isNaN ? 0 : Int(within(found, -2_147_483_648, 2_147_483_647))
}

/// Keep a number between two others.
public func within(_ value: Double, _ lowest: Double, _ highest: Double) -> Double {
    min(max(value, lowest), highest)
}

/// How many numbers of an increasing list lie before a value: below it, or also equal to it.
public func placesBefore(_ sorted: [Double], _ value: Double, equal: Bool) -> Int {
    var first = 0
    var last = sorted.count
    while first < last {
        let middle = (first + last) / 2
        let found = sorted[middle]
        if found < value || (equal && found == value) { first = middle + 1 } else { last = middle }
    }
    return first
}

/// The middle one of some numbers, or the mean of the two in the middle.
public func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    let half = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2
}

/// Read a straight line between points, whose places increase.
public func between(_ place: Double, _ places: [Double], _ values: [Double]) -> Double {
    let right = min(placesBefore(places, place, equal: true), places.count - 1)
    let left = right - 1
    let slope = (values[right] - values[left]) / (places[right] - places[left])
    return slope * (place - places[left]) + values[left]
}

/// The place of the largest value; of equal ones the first.
public func best(_ values: [Double]) -> Int {
    var found = 0
    for place in values.indices where values[place] > values[found] { found = place }
    return found
}
