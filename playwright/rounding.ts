import type { Page } from "@playwright/test";

/** By how much, relative to what they are, numbers of the shaders are off. */
export interface Rounding {
  /** Results of exp, log, pow and their like: SwiftShader's are polynomials, a driver's what it likes. */
  readonly functions: number;
  readonly divisions: number;
  /** Corners' places in clip space. */
  readonly clip: number;
  /** Depth of what the camera sees. */
  readonly camera: number;
}

/** Worse than what two processors or drivers differ by: some units of the last place of an f32 and more. */
export const ANOTHER_PROCESSOR: Rounding = { functions: 1e-6, divisions: 3e-7, clip: 2e-7, camera: 1e-6 };

/**
 * Before the page's own scripts: let its shaders compute a little off, some results up and some down, as on a machine
 * with another processor. A shader that no longer compiles so is said as an error of the page.
 */
export async function roundOtherwise(page: Page, how: Rounding): Promise<void> {
  await page.addInitScript((off) => {
    let seed = 7;
    const about = (error: number): string => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return (1 + ((seed >>> 16) & 1 ? error : -error)).toPrecision(12);
    };
    /** Every call of a function of WGSL's with its result off. */
    function functions(code: string): string {
      const names = /\b(exp|exp2|log|log2|pow|sqrt|length|distance|sin|cos|atan2)\(/g;
      let out = "";
      let at = 0;
      for (let call = names.exec(code); call; call = names.exec(code)) {
        let end = names.lastIndex;
        for (let depth = 1; depth > 0; end++) depth += code[end] === "(" ? 1 : code[end] === ")" ? -1 : 0;
        const inside = functions(code.slice(names.lastIndex, end - 1));
        out += `${code.slice(at, call.index)}(${call[1]}(${inside}) * ${about(off.functions)})`;
        at = end;
        names.lastIndex = end;
      }
      return out + code.slice(at);
    }
    /** Every division of floats. */
    function divisions(code: string): string {
      const whole = /\d+u\b|level\.width|[A-Z_]+\b/y;
      return code.replaceAll(" / ", (slash, at: number) => {
        whole.lastIndex = at + slash.length;
        return whole.test(code) ? slash : ` * ${about(off.divisions)} / `;
      });
    }
    function corners(code: string): string {
      return code
        .replace("return vec4f(position.x / size.x", (was) =>
          was.replace("vec4f(", `${about(off.clip)} * vec4f(`),
        )
        .replace("vec4f(ndc.x, -ndc.y", `vec4f(ndc.x * ${about(off.clip)}, -ndc.y * ${about(off.clip)}`)
        .replace("let depth = -view.z;", `let depth = -view.z * ${about(off.camera)};`);
    }
    const { createShaderModule } = GPUDevice.prototype;
    GPUDevice.prototype.createShaderModule = function (descriptor) {
      const code = corners(divisions(functions(descriptor.code.replace(/\/\/.*$/gm, ""))));
      const module = createShaderModule.call(this, { ...descriptor, code });
      void module.getCompilationInfo().then(({ messages }) => {
        const bad = messages.find(({ type }) => type === "error");
        if (bad) throw new Error(`${descriptor.label}: ${bad.message}: ${code.split("\n")[bad.lineNum - 1]}`);
      });
      return module;
    };
  }, how);
}
