"""A small prepared set with pictures, in four clusters."""

SIX = ("Abdominal Wall Cavity", "Cystic Plate", "Gallbladder", "Gut", "Liver", "Omentum")


def questions(count, benchmark="sgg_anatomy_mini"):
    from anatomy_r1.question import Question

    return [
        Question(
            id=f"VID{number % 4:02d}/{number}/3",
            benchmark=benchmark,
            stem="What anatomy is at the center of the frame ?" if number % 3 else "What is this ?",
            options=tuple(SIX[(number // 4 + shift) % 6] for shift in range(4)),
            answer=SIX[(number // 4 + number % 4) % 6],
            image=f"VID{number % 4:02d}/{number}.png",
            category=SIX[(number // 4 + number % 4) % 6],
            cluster=f"VID{number % 4:02d}",
        )
        for number in range(count)
    ]


def write_set(folder, count=24, benchmark="sgg_anatomy_mini", generated=True):
    from PIL import Image

    from anatomy_r1.data.prepared import write

    asked = questions(count, benchmark)
    for number, question in enumerate(asked):
        path = folder / "images" / question.image
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (96, 64), (number * 10 % 256, 80, 255 - number * 7 % 256)).save(path)
    root = folder / benchmark
    write(root, {"test": asked}, folder / "images", {"benchmark": benchmark, "generated": generated, "seed": 0})
    return root


def manager(folder, data, **metadata):
    from lm_eval.tasks import TaskManager

    return TaskManager(include_defaults=False, include_path=str(folder), metadata={"data": str(data), **metadata})
