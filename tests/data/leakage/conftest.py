import pytest

from anatomy_r1.question import Question


@pytest.fixture
def ask():
    """Makes a question by what a passport looks at."""

    def question(cluster, image, stem="What is it ?", options=("Gut", "Liver"), answer=None):
        answer = answer or options[0]
        name = f"{cluster}/{image}/{stem}/{options}"
        return Question(name, "b", stem, tuple(options), answer, image, category=answer, cluster=cluster)

    return question
