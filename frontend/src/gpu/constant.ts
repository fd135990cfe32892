/** Value of a module-scope `const NAME = number`. */
export function constant(source: string, name: string): number {
  const found = source.match(new RegExp(`^const ${name} = ([0-9.e+-]+)[uf]?;`, "m"));
  if (!found) throw new Error(`no constant ${name} in the shader source`);
  return Number(found[1]);
}
