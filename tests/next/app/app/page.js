export default function Page() {
  return <p>An application with plugins</p>;
}
