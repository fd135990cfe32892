/** What a session's file, or a recording, may be called. */
export const FILE_TYPES = ".cloudchamber,.chamber";

/** Calls `open` with a file that is dropped on the page. Text that is dragged about is left alone. */
export function listenForFiles(open: (file: File) => void): void {
  const takes = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
  window.addEventListener("dragover", (event) => {
    if (!takes(event)) return;
    event.preventDefault();
    event.dataTransfer!.dropEffect = "copy";
  });
  window.addEventListener("drop", (event) => {
    if (!takes(event)) return;
    event.preventDefault();
    const file = event.dataTransfer?.files[0];
    if (file) open(file);
  });
  window.addEventListener(CHOSEN, (event) => open((event as CustomEvent<File>).detail));
}

const CHOSEN = "cloudchamber-file";
/** Kept while its chooser is open: an input that nothing holds may be gone before the person has chosen. */
let choosing: HTMLInputElement | null = null;

/** Lets the person choose a file; it is then opened as if it had been dropped. */
export function chooseFile(): void {
  const input = document.createElement("input");
  input.type = "file";
  input.accept = FILE_TYPES;
  input.addEventListener("change", () => {
    const file = input.files?.[0];
    if (file) window.dispatchEvent(new CustomEvent(CHOSEN, { detail: file }));
  });
  choosing = input;
  choosing.click();
}
