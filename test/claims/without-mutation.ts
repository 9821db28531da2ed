// The numbers that no mutation can take back, each with the reason.

export const withoutMutation: Readonly<Record<string, string>> = {
  '6.1.3': 'a text of the page',
};
