// The numbers that no mutation can take back, each with the reason. What can be tested does not belong here.

const TEXT = 'a text of the documents';
const NOT_THERE = 'the app has no such thing, so there is no check to remove';
const SITE = 'a rule for the site that runs the app';

export const withoutMutation: Readonly<Record<string, string>> = {
  '3.2.3': 'scripts find elements by id or attribute: a style of code, with no check to remove',
  '3.5.4': SITE,
  '3.5.6': NOT_THERE,
  '3.5.7': NOT_THERE,
  '3.7.1': NOT_THERE,
  '6.1.2': TEXT,
  '6.1.3': TEXT,
  '6.4.2': NOT_THERE,
  '6.4.6': NOT_THERE,
  '6.5.8': 'no time of a client is read, so there is no check to remove',
  '7.1.1': TEXT,
  '7.1.2': TEXT,
  '11.1.1': TEXT,
  '11.1.2': TEXT,
  '11.2.1': 'a choice of libraries',
  '11.2.3': 'a choice of algorithms',
  '11.6.1': 'a choice of algorithms',
  '12.1.3': NOT_THERE,
  '12.3.4': 'how the certificates of the demo and of compose are made',
  '13.1.1': TEXT,
  '13.2.4': 'only settings name addresses to connect to',
  '13.4.1': NOT_THERE,
  '13.4.4': NOT_THERE,
  '14.1.2': TEXT,
  '14.3.3': NOT_THERE,
  '16.1.1': TEXT,
  '16.2.3': NOT_THERE,
};
