"""The working tree of a job, apart from the name of its repository: two names of one tree have one writer."""

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import F

FINAL = ("completed", "failed", "timeout", "cancelled", "rejected", "blocked")


def copy_repository(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Only for jobs that may still run: limits look at no others."""
    jobs = apps.get_model("jobs", "Job").objects.using(schema_editor.connection.alias)
    jobs.exclude(status__in=FINAL).update(tree_key=F("repo_key"))


class Migration(migrations.Migration):
    dependencies = [("jobs", "0002_log_chunk_times")]

    operations = [
        migrations.AddField(
            model_name="job",
            name="tree_key",
            field=models.CharField(
                blank=True, default="", help_text="working tree; one writing job may hold it at a time", max_length=500
            ),
            preserve_default=False,
        ),
        migrations.AlterField(
            model_name="job",
            name="repo_key",
            field=models.CharField(
                blank=True, help_text="repository as named; its project follows from it", max_length=500
            ),
        ),
        migrations.RunPython(copy_repository, migrations.RunPython.noop),
        migrations.RemoveIndex(model_name="job", name="job_alive"),
        migrations.AddIndex(
            model_name="job",
            index=models.Index(
                condition=models.Q(("status__in", ("running", "cancelling"))),
                fields=["tool", "tree_key"],
                name="job_alive",
            ),
        ),
    ]
