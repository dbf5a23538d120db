/** Every mistake fails at least one conformance vector. */

import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";

import { MUTANTS } from "./mutants.js";
import { differences, files, vectorsOf, type Json } from "./vectors.js";

const BUILD = join(import.meta.dirname, "..");
// beside the modules, so that they are modules too
const place = mkdtempSync(join(BUILD, "mutants-"));
after(() => rmSync(place, { recursive: true }));

const vectors = files().flatMap(vectorsOf);

test(`${MUTANTS.length} mistakes are known by a vector each`, async (run) => {
  for (const [number, mutant] of MUTANTS.entries()) {
    await run.test(mutant.name, async () => {
      const folder = join(place, String(number));
      cpSync(join(BUILD, "src"), join(folder, "src"), { recursive: true });
      for (const name of ["operations.js", "vectors.js"]) cpSync(join(BUILD, "tests", name), join(folder, "tests", name));
      const path = join(folder, "src", `${mutant.module}.js`);
      const source = readFileSync(path, "utf-8");
      assert.ok(source.includes(mutant.from), `${mutant.module} has no ${mutant.from}`);
      writeFileSync(path, source.replace(mutant.from, mutant.to));
      const { OPERATIONS }: { OPERATIONS: Record<string, (given: Json) => Json> } = await import(
        pathToFileURL(join(folder, "tests", "operations.js")).href
      );
      let failed = 0;
      for (const vector of vectors.filter((one) => mutant.operations.includes(one.op))) {
        try {
          failed = differences(vector.expected, await OPERATIONS[vector.op]!(vector.given)).length;
        } catch {
          failed = 1;
        }
        if (failed) break;
      }
      assert.ok(failed, "every vector passes");
    });
  }
});
