// Plain requests to the gateway, with the token of the connection.

export const httpOf = (rpc) => async (path, { method = "GET", body } = {}) => {
  const headers = { ...(rpc.token ? { Authorization: `Bearer ${rpc.token}` } : {}), ...(body ? { "Content-Type": "application/json" } : {}) };
  const response = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
  if (response.ok) return response;
  const answer = await response.json().catch(() => ({}));
  throw Object.assign(new Error(answer.error?.message ?? `the gateway answered ${response.status}`), { code: answer.error?.code });
};
