// A form with files as bytes and their type, as a browser sends it.

export async function multipart(fields: Record<string, string | File>) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  const encoded = new Response(form);
  const headers = { 'Content-Type': encoded.headers.get('content-type')! };
  return { body: Buffer.from(await encoded.arrayBuffer()), headers };
}
