import clsfw


class TopTwo:
    def compute(self, outcome: clsfw.Outcome) -> dict[str, float]:
        if outcome.labels.multi_label:
            raise clsfw.DataError("top-two takes one label per text")
        ranked = (-outcome.probabilities).argsort(axis=1, kind="stable")[:, :2]
        right = (ranked == outcome.references[:, None]).any(axis=1)
        return {"top_two_accuracy": float(right.mean())}


@clsfw.hookimpl
def register_metrics():
    return [clsfw.Component(name="top-two", summary="right in two", settings=clsfw.Settings, build=lambda _: TopTwo())]
