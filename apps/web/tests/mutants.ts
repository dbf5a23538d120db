/** Mistakes that somebody makes who writes the rules, as changes of the compiled modules; each must fail a vector. */

export interface Mutant {
  name: string;
  module: string;
  from: string;
  to: string;
  operations: string[];
}

function of(name: string, module: string, from: string, to: string, operations: string): Mutant {
  return { name, module: module.includes("/") ? module : `core/${module}`, from, to, operations: operations.split(" ") };
}

const CROPS = "taps crop_patch cut_patch";

export const MUTANTS: Mutant[] = [
  // numbers
  of("halves go up", "numbers", "below % 2 === 0 ? below : below + 1", "below + 1", "boxes_in_room taps quantize pixel_table"),
  of("numbers are cut", "numbers", "part < 0.5 ? below : below + 1", "below", "boxes_in_room taps quantize fit_glance"),
  // sampling
  of("frames at the beginning of segments", "sampling", "(2 * place + 1) * total", "2 * place * total", "uniform_indices"),
  of("a frame is not yet shown when it begins", "sampling", "placesBefore(edges, moment, true)", "placesBefore(edges, moment, false)", "frames_at"),
  of("a clock that is set is a pause", "sampling", "LONGEST_STEP_S = 10", "LONGEST_STEP_S = Infinity", "timeline"),
  of("a long pause is a clock that is set", "sampling", "LONGEST_STEP_S = 10", "LONGEST_STEP_S = 0.1", "timeline"),
  of("two missing frames make a varying rate", "sampling", "VARIES_FROM_SHARE = 0.025", "VARIES_FROM_SHARE = 0.01", "timeline"),
  // frames by weights, and boxes
  of("a level on an edge belongs to the next part", "looking", "sum >= level", "sum > level", "select_frames"),
  of("the last sum is no 1", "looking", "sums[sums.length - 1] = 1;", "", "select_frames"),
  of("repeats stay", "looking", "chosen[chosen.length - 1] + 1", "chosen[chosen.length - 1]", "select_frames"),
  of("the last frames leave no room", "looking", "Math.min(index, candidates - count + rank)", "index", "select_frames"),
  of("sides are of the long side", "looking", "const short = Math.min", "const short = Math.max", "boxes_in_room"),
  of("a box may have no side", "looking", "Math.max(1, nearest(tall * short))", "nearest(tall * short)", "boxes_in_room"),
  of("sides are rounded and not edges", "looking", "nearest((y + height) * rows) - top", "nearest(height * rows)", "whole_pixels"),
  of("a wider box leaves the frame", "looking", "Math.min(top, rows - tall)", "top", "whole_pixels"),
  of("fractions in float64", "looking", "Math.fround(part / size[place % 2])", "(part / size[place % 2] + 2e-9)", "whole_pixels"),
  // motion
  of("changes are not cut", "pixels/motion", "Math.min(change, MAX_CHANGE)", "change", "change_maps"),
  of("whole grey levels", "pixels/motion", "const STEPS = 16", "const STEPS = 1", "change_maps"),
  of("red for green", "pixels/motion", "const GREEN = 1", "const GREEN = 0", "change_maps motion"),
  of("the border counts as much as the middle", "pixels/motion", "WEIGHT_LOST = 2 ** 18", "WEIGHT_LOST = 0", "squares motion"),
  of("of equal squares the last", "pixels/motion", "score > best.score ||", "score >= best.score ||", "squares"),
  of("of equal squares the heaviest is not asked", "pixels/motion", "score === best.score && weight > best.weight", "false", "squares"),
  of("of equal runs the first", "pixels/motion", "best < 0 || Math.abs", "best < 0 && Math.abs", "squares"),
  of("of two middle runs the later", "pixels/motion", "(starts - 1)) < Math.abs", "(starts - 1)) <= Math.abs", "squares"),
  of("changes before the first frame count", "pixels/motion", "? [first, last]", "? [0, last]", "motion"),
  of("changes after the last frame count", "pixels/motion", "? [first, last]", "? [first, last + 1]", "motion"),
  of("cells of a side are cut", "pixels/motion", "(2 * pixels + cell) / (2 * cell)", "(2 * pixels) / (2 * cell)", "motion"),
  // patches
  of("coordinates in float64", "pixels/patches", "const position = Math.fround(", "const position = (", CROPS),
  of("no hair", "pixels/patches", "const HAIR = 1e-7", "const HAIR = 0", CROPS),
  of("cut towards zero", "pixels/patches", "const floor = Math.floor(position)", "const floor = Math.trunc(position)", CROPS),
  of("taps clamped to the frame", "pixels/patches", "fill, itself, itself)", "fill, (row) => within(row, 0, frame.height - 1), (column) => within(column, 0, frame.width - 1))", "crop_patch"),
  of("boxes always on whole pixels", "pixels/patches", "const WHOLE = 1e-3", "const WHOLE = 1", "crop_patch"),
  of("1 added for 2", "pixels/patches", "(value + 2) >> 2", "(value + 1) >> 2", "crop_patch"),
  of("rows in one shift", "pixels/patches", "(((ONE - weight) * above[place]) >> 16) + ((weight * below[place]) >> 16)", "((ONE - weight) * above[place] + weight * below[place]) >> 16", "crop_patch"),
  of("columns are rounded and not cut", "pixels/patches", "(one * (ONE - weight) + two * weight) >> 4", "nearest((one * (ONE - weight) + two * weight) / 16)", "crop_patch"),
  of("averaged where a side stays", "pixels/patches", "Math.min(tall, wide) <= size", "Math.min(tall, wide) < size", "cut_patch"),
  of("averaged where one side shrinks", "pixels/patches", "Math.min(tall, wide) <= size", "Math.max(tall, wide) <= size", "cut_patch"),
  of("a border beside a resized picture", "pixels/patches", "clamped(picture.width - 1)", "itself", "resize_bilinear"),
  // means and fits
  of("means are cut", "pixels/averaging", "(2 * sum + whole) /", "(2 * sum) /", "average"),
  of("halves of means go down", "pixels/averaging", "(2 * sum + whole) /", "(2 * sum + whole - 1) /", "average"),
  of("the last pixel of an area is left out", "pixels/averaging", "pixel * wanted < (result + 1) * given", "(pixel + 1) * wanted < (result + 1) * given", "average"),
  of("the padding lies below", "pixels/fitting", "Math.floor((size - tall) / 2)", "Math.ceil((size - tall) / 2)", "fit_glance"),
  of("the padding is black", "pixels/fitting", "fill[place % CHANNELS]", "0", "fit_glance"),
  of("averaged where one side shrinks in a fit", "pixels/fitting", "region.height >= height && region.width", "region.height >= height || region.width", "fit_glance"),
  of("halves of a 2 x 2 square go to even", "pixels/fitting", "factor === 2 && area === 4", "false", "shrink"),
  of("halves of a 4 x 4 square go up", "pixels/fitting", "nearest(Math.fround(sum * share))", "Math.floor(sum / area + 0.5)", "shrink"),
  // tensors
  of("codes wrap around", "tensors", "within(code, LOWEST[dtype], HIGHEST[dtype])", "code", "quantize pixel_table"),
  of("channels stay last", "tensors", "frame.data[place * CHANNELS + c]", "frame.data[c * pixels + place]", "apply_table"),
  of("products in float64", "tensors", "* Math.fround(form.scale)", "* form.scale", "dequantize"),
  of("quotients in float64", "tensors", "Math.fround(value / Math.fround(form.scale))", "value / form.scale", "quantize convert"),
  of("codes are handed on as they are", "tensors", "from.dtype === to.dtype && from.scale === to.scale && from.zero_point === to.zero_point", "from.dtype === to.dtype", "convert"),
  // early stops
  of("the temperature counts for nothing", "exits", "(value - highest) / temperature", "value - highest", "confidence"),
  of("the largest logit is not taken off", "exits", "Math.exp(value - highest)", "Math.exp(value)", "softmax"),
  of("entropy in bits", "exits", "Math.log(Math.max", "Math.log2(Math.max", "confidence"),
  of("a threshold that is reached does not stop", "exits", "found >= thresholds[exit]", "found > thresholds[exit]", "clip"),
  of("thresholds fall", "exits", "Math.max(value, ordered[n - 1].row[exit])", "value", "threshold_curve"),
  of("all clips are remembered", "exits", "const REMEMBERED = 50", "const REMEMBERED = 5000", "threshold_curve controller"),
  of("debts are not paid back", "exits", "TOLERANCE / 2", "0", "controller"),
  of("no guard", "exits", "const TOLERANCE = 0.05", "const TOLERANCE = 1e6", "controller"),
  // streams
  of("the window is not full at half a step", "streams", "covered + step / 2 >=", "covered >=", "window"),
  of("the window is a step longer", "streams", "candidateFrames - 1 - place", "candidateFrames - place", "window"),
  of("the window is a slot shorter", "streams", "/ this.period) + 2", "/ this.period)", "window"),
  of("of two frames as near the later", "streams", "wanted - times[left] <= times[right] - wanted", "wanted - times[left] < times[right] - wanted", "window"),
  of("the grid has no hair", "streams", "const TOLERANCE = 1e-3", "const TOLERANCE = 0", "window"),
  of("the grid of the glance moves", "streams", "nearest(middles[0] / step)", "(middles[0] / step)", "window"),
  of("a slow source is away", "streams", "const UNUSUAL = 3", "const UNUSUAL = 0", "window"),
  of("a clock that stands still is waited for", "streams", "this.fps / 2, 8, 60", "this.fps / 2, 60, 60", "steady_clock"),
  of("rests count the duty twice", "streams", "(1 / this.duty - 1)", "(1 / this.duty)", "schedule"),
  of("a mean of predictions and not of time", "streams", "-Math.expm1(-Math.max(0, moment - this.at) / timeConstant)", "1 / (1 + timeConstant)", "smoothing"),
  of("time that goes back counts", "streams", "Math.max(0, moment - this.at)", "Math.abs(moment - this.at)", "smoothing"),
  of("a label is shown above its score", "streams", "mean[found] < enter", "mean[found] <= enter", "smoothing"),
  of("a label is dropped at its score", "streams", "mean[this.label] < leave", "mean[this.label] <= leave", "smoothing"),
  of("a label is shown at once", "streams", "this.times >= windows", "this.times >= 1", "smoothing"),
  // digests and clips
  of("folders in the order of strings", "bundle/digests", ".sort(byParts)", ".sort()", "sha256_of_folder"),
  of("labels in lines", "bundle/digests", '.join("\\0")', '.join("\\n")', "sha256_of_labels"),
  of("a part of a call costs a part", "bundle/manifest", "before + call * each", "before + (call - 1 + (exit + 1) / perCall) * each", "clip"),
  of("the context of the glance for every call", "recognizer", 'source = "focus";', 'source = "glance";', "clip"),
  of("the policy runs before the glance stops", "recognizer", 'if (!passes("glance"', 'if (this.manifest.stages.policy) await call("policy", {}); if (!passes("glance"', "clip"),
  of("the box of the place and not of the frame", "recognizer", "placed[placed.length === 1 ? 0 : place]", "placed[placed.length === 1 ? 0 : chosen.indexOf(place)]", "clip"),
  of("the mean color is cut", "recognizer", "nearest(255 * value)", "Math.floor(255 * value)", "clip"),
  // bundles
  of("a key twice is read", "bundle/json", "if (twice !== null)", "if (false)", "bundle"),
  of("infinities are read", "bundle/json", "!Number.isFinite(found)", "false", "bundle"),
  of("any version is read", "bundle/bundle", "version !== VERSION", "false", "bundle"),
  of("unknown keys are passed over", "bundle/schema", "if (!check) {", "if (!check) continue; if (!check) {", "bundle"),
  of("missing keys are passed over", "bundle/schema", "if (!found.has(name))", "if (false)", "bundle"),
  of("halves are whole numbers", "bundle/schema", "!Number.isInteger(value)", "false", "bundle"),
  of("whole numbers without end", "bundle/schema", "if (value < least || value > most)", "if (false)", "bundle"),
  of("real numbers without end", "bundle/schema", 'typeof value !== "number" || value < least || value > most', 'typeof value !== "number"', "bundle"),
  of("0 is above 0", "bundle/schema", "value === 0", "false", "bundle"),
  of("any choice is one", "bundle/schema", "|| !names.includes(value)", "", "bundle"),
  of("texts may be empty", "bundle/schema", "characters < least ||", "", "bundle"),
  of("texts may ring the bell", "bundle/schema", "CONTROL.test(value)", "false", "bundle"),
  of("digests of any length", "bundle/manifest", "{64}$/", "*/", "bundle"),
  of("motion may have a policy graph", "bundle/contradictions", "!wanted.includes(stage)", "false", "bundle"),
  of("squares may be squeezed", "bundle/contradictions", 'boxes_in === "square" && applies', "false", "bundle"),
  of("a square may leave its frame", "bundle/contradictions", "frame_size > short_side", "false", "bundle"),
  of("labels may be twice there", "bundle/contradictions", "if (twice !== null)", "if (false)", "bundle"),
  of("frames of any size", "bundle/contradictions", "!alike(frames, wanted)", "false", "bundle"),
  of("patches of any size", "bundle/contradictions", "!alike(patches.slice(1), [3, size, size])", "false", "bundle"),
  of("integers without a scale pass", "bundle/contradictions", "zero_point === null || range === undefined)", "zero_point === null || range === undefined) return true; if (false)", "bundle"),
  of("a scale of 0 passes", "bundle/contradictions", "scale > 0 &&", "", "bundle"),
  of("zero points of any size", "bundle/contradictions", "range[0] <= zero_point &&", "", "bundle"),
  of("budgets of any size", "bundle/contradictions", "!(low <= budget && budget <= high)", "false", "bundle"),
  of("thresholds of any number", "bundle/contradictions", "thresholds.length !== macs.length - 1", "false", "bundle"),
  of("names may lead out", "bundle/names", 'parts.includes("..")', "false", "bundle"),
  of("names may have a drive", "bundle/names", "/[\\\\:]/", "/[\\\\]/", "bundle"),
  of("names may have a backslash", "bundle/names", "/[\\\\:]/", "/[:]/", "bundle"),
  of("names may have a dot", "bundle/names", '|| parts.includes(".")', "", "bundle"),
  of("capitals make another file", "bundle/names", ".toUpperCase().toLowerCase()", "", "bundle"),
  of("sizes are not compared", "bundle/bundle", "content.length !== record.bytes", "false", "bundle"),
  of("digests are not compared", "bundle/bundle", "digest !== record.sha256", "false", "bundle"),
  of("links are files", "bundle/bundle", "kind !== 0 && kind !== PLAIN_FILE", "false", "bundle"),
  of("compressed members are read", "bundle/bundle", "member.method !== STORED ||", "", "bundle"),
  of("encrypted members are read", "bundle/bundle", "|| member.flags & ENCRYPTED", "", "bundle"),
  of("two sizes are read", "bundle/bundle", "member.size !== member.packed", "false", "bundle"),
  of("a member twice is read", "bundle/bundle", "if (twice !== null)", "if (false)", "bundle"),
  of("no checksum", "bundle/zip", "crc32(bytes) !== member.crc", "false", "bundle"),
  of("a zip ends at its last byte", "bundle/zip", "end -= 1", "end = -1", "bundle"),
  of("members without end", "bundle/zip", "count > maxMembers ||", "", "bundle"),
];
