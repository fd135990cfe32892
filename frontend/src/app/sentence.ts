/** What went wrong, for a person: errors of the page's own are sentences. */
export function sentence(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
