/** The server's close codes for one it does not let in, and what heads the message. */
export const CLOSE_UNAUTHORISED = 4010;

export const REFUSED: Readonly<Record<number, string>> = {
  [CLOSE_UNAUTHORISED]: "This page needs a key",
  4011: "This link has expired",
  4012: "This link was withdrawn",
  4013: "This link does not reach this far",
};
